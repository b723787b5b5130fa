"""``neurospike encode``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurospike.cli import encode_audio
from neurospike.cli.common import numbers, print_json, say
from neurospike.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from neurospike.encoders import SpikeVoxelCoding


def encode(
    file: Annotated[
        Path,
        typer.Argument(
            help="A scan: float32 rows x, y, z, intensity (.bin); or sound (.wav, .flac, .ogg)."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The .svc file to write, or .h5 for sound.")],
    voxel_size: Annotated[str, typer.Option(help="Scan. Metres: one edge, or x,y,z.")] = "0.05",
    point_range: Annotated[
        str | None, typer.Option("--range", help="Scan. Metres: x0,y0,z0,x1,y1,z1 [everything].")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--ckpt", help="Scan. Code with this network's stem [identity coding]."),
    ] = None,
    max_spikes: Annotated[
        int, typer.Option(help="Scan. Largest spike value of the identity coding.")
    ] = 4,
    columns: Annotated[int, typer.Option(help="Scan. Its columns, x, y, z first.")] = 4,
    channels: Annotated[int, typer.Option(help="Sound. Places along the cochlea.")] = 700,
    seed: Annotated[int, typer.Option(help="Sound. Of the nerve fibres' draws.")] = 0,
    label: Annotated[int, typer.Option(help="Sound. The class to write beside the clip.")] = 0,
    picture: Annotated[
        Path | None, typer.Option("--figure", help="Sound. Draw its spikes into this .png.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Turn a scan into spikes on voxels (.svc), or sound into those of a cochlea (.h5, as SHD).

    Example: neurospike encode scan.bin --voxel-size 0.05,0.05,0.1 --out scan.svc

    Example: neurospike encode speech.wav --out speech.h5
    """
    if encode_audio.is_sound(file, out):
        encode_audio.encode_sound(
            file,
            out,
            channels=channels,
            seed=seed,
            label=label,
            picture=picture,
            as_json=as_json,
        )
        return
    edges = numbers("--voxel-size", voxel_size, (1, 3))
    limits = None if point_range is None else numbers("--range", point_range, (6,))
    if out.suffix != ".svc":
        raise ArgumentError(f"--out: must end in .svc; got {out}.")
    from neurospike import encoders
    from neurospike.datasets import read_velodyne

    # The report says how many points were rejected; the log would say it once more.
    logging.getLogger("neurospike").setLevel(logging.ERROR)
    scan = read_velodyne(file, columns=columns)
    stem = None if checkpoint is None else _stem(checkpoint, channels=scan.shape[1])
    try:
        report = encoders.encode_points(
            scan[:, :3],
            scan[:, 3:] if columns > 3 else None,
            voxel_size=edges if len(edges) == 3 else edges[0],
            point_range=limits,
            out=out,
            stem=stem,
            max_spikes=max_spikes,
            raw_bytes=file.stat().st_size,
            allow_empty=False,
            name=str(file),
        )
    except ArgumentError as error:
        raise ArgumentError(f"{file}: {error}") from error
    if as_json:
        print_json(report)
        return
    say(
        f"{report.points} points ({report.cropped} cropped, {report.rejected} not finite) "
        f"-> {report.voxels} voxels x {report.channels} channels, {report.coding} coding"
    )
    say(f"density {100 * report.density:.1f} %, {report.spikes} events at D = {report.max_spikes}")
    say(
        f"{report.raw_bytes:,} bytes -> {report.svc_bytes:,} bytes ({report.ratio:.1f}x smaller); "
        f"voxelise {report.voxelise_ms:.1f} ms, code {report.code_ms:.1f} ms, "
        f"write {report.write_ms:.1f} ms"
    )


def _stem(checkpoint: Path, *, channels: int) -> SpikeVoxelCoding:
    from neurospike import encoders, models

    model = models.load(checkpoint)
    stem = getattr(model, "stem", None)
    if not isinstance(stem, encoders.SpikeVoxelCoding):
        raise DataError(f"{checkpoint}: its network has no Spike Voxel Coding stem to code with.")
    if stem.in_channels != channels:
        raise DataError(
            f"{checkpoint}: its stem takes {stem.in_channels} features, the scan has {channels}; "
            "give a checkpoint trained on such scans."
        )
    return stem
