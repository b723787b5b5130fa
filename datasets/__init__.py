"""Real formats, and generators that need no download. Installed as ``neurospike.datasets``.

``ds[i]`` is a dict of numpy arrays and a ``label``; ``root``, ``split``, ``seed`` and ``protocol``
are keywords everywhere. Your own data is any object with a length and such items:

>>> import numpy as np
>>> class Mine:
...     classes = ("left", "right")
...
...     def __len__(self):
...         return 10
...
...     def __getitem__(self, index):
...         points = np.random.default_rng(index).random((100, 3), dtype=np.float32)
...         return {"points": points, "label": index % 2}
>>> batch = collate_points([Mine()[0], Mine()[1]])
>>> tuple(batch["points"].shape), batch["label"].tolist()
((200, 3), [0, 1])
"""

if __name__ != "neurospike.datasets":  # a bare `datasets` would shadow Hugging Face's package
    raise ImportError("import this package as neurospike.datasets, not as datasets")

from neurospike.datasets import checksums, downloads, transforms
from neurospike.datasets.calibration import Calibration
from neurospike.datasets.collate import collate_points
from neurospike.datasets.fsdd import FSDD
from neurospike.datasets.kitti import KITTI, read_velodyne
from neurospike.datasets.kitti_frames import write_kitti_frame
from neurospike.datasets.kitti_labels import difficulty, read_objects, write_objects
from neurospike.datasets.meshes import sample_surface
from neurospike.datasets.modelnet import ModelNet
from neurospike.datasets.objects import Objects
from neurospike.datasets.occupancy import OccupancyVoxels
from neurospike.datasets.off import read_off
from neurospike.datasets.semantic_kitti import SemanticKITTI
from neurospike.datasets.semantic_kitti_labels import read_labels, write_labels
from neurospike.datasets.semantic_kitti_scans import write_semantic_scan
from neurospike.datasets.solids import Solids
from neurospike.datasets.speech_commands import SpeechCommands
from neurospike.datasets.spikes_h5 import write_spikes
from neurospike.datasets.spiking_heidelberg import SHD, SSC
from neurospike.datasets.spoken_tones import SpokenTones
from neurospike.datasets.streets import Streets
from neurospike.datasets.waves import read_wave

__all__ = [
    "FSDD",
    "KITTI",
    "SHD",
    "SSC",
    "Calibration",
    "ModelNet",
    "Objects",
    "OccupancyVoxels",
    "SemanticKITTI",
    "Solids",
    "SpeechCommands",
    "SpokenTones",
    "Streets",
    "checksums",
    "collate_points",
    "difficulty",
    "downloads",
    "read_labels",
    "read_objects",
    "read_off",
    "read_velodyne",
    "read_wave",
    "sample_surface",
    "transforms",
    "write_kitti_frame",
    "write_labels",
    "write_objects",
    "write_semantic_scan",
    "write_spikes",
]
