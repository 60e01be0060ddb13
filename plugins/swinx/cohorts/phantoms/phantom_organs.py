"""Positions and shapes of the phantom's organs.

The frame is that of a patient of average size: millimetres, x to the patient's right, y to the front, z to the head.
The spine is at x = 0, y = -48; z = 0 is the disc below the first lumbar vertebra, and a vertebra with its disc is
35 mm high, so the twelfth thoracic vertebra ends near z = 35 and the fourth lumbar one near z = -105. Positions and
sizes follow the textbook of surface and sectional anatomy; volumes are checked by a test against adult ranges.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from swinx.cohorts.phantoms.solid_shapes import Ellipsoid, Solid, Tube
from swinx.labels import FlareLabel

__all__ = ["OrganPlan", "draw_organs"]

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class OrganPlan:
    """Solids of one patient, in the order in which they are painted.

    Args:
        labelled: Class id and the solids whose union is the organ.
        vessels: Portal vein and the arteries and veins that are not labelled, by tissue name.
        bowel: Loops of small bowel and colon.
        liver_vessels: Branches inside the liver.
    """

    labelled: list[tuple[FlareLabel, list[Solid]]]
    vessels: list[tuple[str, Solid]]
    bowel: list[Tube] = field(default_factory=list)
    liver_vessels: list[Solid] = field(default_factory=list)


class _Variation:
    """Small random moves and changes of size, the same for all parts of one organ."""

    def __init__(self, rng: np.random.Generator, shift_mm: float, scale: float) -> None:
        self.shift = rng.uniform(-shift_mm, shift_mm, size=3)
        self.scale = float(rng.uniform(1 - scale, 1 + scale))

    def egg(self, centre: Vector, radii: Vector, angles_deg: Vector = (0, 0, 0)) -> Ellipsoid:
        x, y, z = (float(v) for v in np.asarray(centre) + self.shift)
        a, b, c = (float(r) * self.scale for r in radii)
        return Ellipsoid((x, y, z), (a, b, c), angles_deg)

    def tube(self, nodes: list[Vector], radii: list[float], held: tuple[int, ...] = ()) -> Tube:
        """Move the nodes, but for those in ``held``, where the tube meets another organ."""
        moved = [
            node if i in held else (node[0] + self.shift[0], node[1] + self.shift[1], node[2] + self.shift[2])
            for i, node in enumerate(nodes)
        ]
        return Tube(moved, [r * self.scale for r in radii])


def draw_organs(rng: np.random.Generator) -> OrganPlan:
    """Draw the organs of one patient.

    Args:
        rng: Source of randomness.

    Returns:
        The plan, for a patient of average size.
    """
    labelled: list[tuple[FlareLabel, list[Solid]]] = [
        (FlareLabel.LIVER, _liver(_Variation(rng, 5, 0.08))),
        (FlareLabel.SPLEEN, _spleen(_Variation(rng, 5, 0.15))),
        *_upper_tract(rng),
        *_kidneys_and_adrenals(rng),
        *_great_vessels(_Variation(rng, 2.5, 0.12)),
    ]
    return OrganPlan(labelled, _other_vessels(), _bowel(rng), _liver_branches(rng))


def _liver(v: _Variation) -> list[Solid]:
    right = v.egg((78, 4, 42), (70, 84, 88), (0, 14, 0))
    medial = v.egg((42, 36, 58), (62, 52, 52), (0, 20, 0))
    left = v.egg((-12, 52, 74), (72, 34, 30), (0, 14, 0))
    return [right, medial, left]


def _spleen(v: _Variation) -> list[Solid]:
    nodes: list[Vector] = [(-72, -56, 78), (-98, -50, 66), (-110, -34, 46), (-112, -16, 22)]
    return [v.tube(nodes, [22, 31, 31, 17]), v.egg((-104, -40, 52), (24, 36, 46), (25, 0, 0))]


def _upper_tract(rng: np.random.Generator) -> list[tuple[FlareLabel, list[Solid]]]:
    """Return gallbladder, stomach, esophagus, duodenum and pancreas, which share joints and move together."""
    v, own = _Variation(rng, 3, 0.1), _Variation(rng, 3, 0.15)
    cardia: Vector = (-30, 0, 88)
    pylorus: Vector = (24, 42, -8)
    fill = float(rng.uniform(0.75, 1.15))
    stomach_nodes: list[Vector] = [(-62, -8, 92), (-72, 8, 72), (-70, 34, 40), (-52, 54, 8), (-16, 58, -14), pylorus]
    stomach = v.tube(stomach_nodes, [30 * fill, 35 * fill, 32 * fill, 27 * fill, 19 * fill, 11], held=(5,))
    esophagus_nodes: list[Vector] = [(-3, -22, 210), (-4, -20, 150), (-12, -10, 112), cardia, (-50, -2, 84)]
    loop: list[Vector] = [pylorus, (40, 34, 0), (50, 14, -12), (50, 2, -42), (40, 4, -66), (16, 10, -74),
                          (-14, 12, -68), (-26, 20, -46)]  # fmt: skip
    head: list[Vector] = [(30, 14, -48), (30, 16, -28), (20, 22, -10), (2, 28, 2), (-24, 20, 14), (-52, 0, 24),
                          (-82, -22, 42)]  # fmt: skip
    bladder: list[Vector] = [(36, 28, 10), (46, 42, -8), (54, 54, -26)]
    return [
        (FlareLabel.GALLBLADDER, [own.tube(bladder, [6, 13, 15])]),
        (FlareLabel.STOMACH, [stomach]),
        (FlareLabel.ESOPHAGUS, [v.tube(esophagus_nodes, [9, 9, 9.5, 10, 9], held=(3,))]),
        (FlareLabel.DUODENUM, [v.tube(loop, [11, 14, 13.5, 13, 12.5, 11.5, 11, 10], held=(0,))]),
        (FlareLabel.PANCREAS, [v.tube(head, [9, 15, 14, 10.5, 11.5, 12, 9])]),
    ]


def _kidneys_and_adrenals(rng: np.random.Generator) -> list[tuple[FlareLabel, list[Solid]]]:
    right, left = _Variation(rng, 5, 0.1), _Variation(rng, 5, 0.1)
    # upper poles lean to the spine and to the back; the right kidney is the lower one
    right_kidney = right.egg((66, -44, -34), (29, 25, 55), (-10, -12, 0))
    left_kidney = left.egg((-66, -44, -20), (29, 25, 57), (-10, 12, 0))
    right_adrenal: list[Solid] = [
        right.tube([(34, -30, 40), (36, -40, 32), (38, -50, 22)], [3.0, 3.8, 2.8]),
        right.tube([(34, -31, 36), (40, -40, 28), (47, -47, 20)], [3.0, 3.8, 2.8]),
        right.egg((35, -34, 33), (4, 9, 11), (20, 0, 0)),
    ]
    left_adrenal: list[Solid] = [
        left.tube([(-33, -22, 42), (-34, -34, 34), (-35, -44, 24)], [3.2, 4.0, 2.9]),
        left.tube([(-33, -23, 38), (-41, -33, 32), (-48, -38, 26)], [3.2, 4.0, 2.9]),
        left.egg((-35, -27, 35), (5, 8, 11), (20, 0, 0)),
    ]
    return [
        (FlareLabel.RIGHT_KIDNEY, [right_kidney]),
        (FlareLabel.LEFT_KIDNEY, [left_kidney]),
        (FlareLabel.RIGHT_ADRENAL_GLAND, right_adrenal),
        (FlareLabel.LEFT_ADRENAL_GLAND, left_adrenal),
    ]


def _great_vessels(v: _Variation) -> list[tuple[FlareLabel, list[Solid]]]:
    cava: list[Vector] = [(12, -14, -100), (17, -13, -50), (19, -13, 0), (23, -9, 45), (22, -1, 85), (20, 8, 125)]
    aorta: list[Vector] = [(-24, -32, 220), (-20, -30, 150), (-12, -23, 90), (-8, -17, 30), (-6, -15, -40),
                           (-4, -15, -98)]  # fmt: skip
    return [
        (FlareLabel.INFERIOR_VENA_CAVA, [v.tube(cava, [10, 10.5, 11, 12, 13, 14])]),
        (FlareLabel.AORTA, [v.tube(aorta, [13, 12.5, 12, 10.5, 9.5, 9])]),
    ]


def _other_vessels() -> list[tuple[str, Solid]]:
    return [
        ("aorta", Tube([(-4, -15, -96), (-24, -18, -135), (-52, -8, -190)], [7, 6, 5.5])),
        ("aorta", Tube([(-4, -15, -96), (18, -16, -135), (46, -8, -190)], [7, 6, 5.5])),
        ("inferior vena cava", Tube([(12, -14, -98), (-18, -24, -140), (-48, -18, -190)], [8, 7, 7])),
        ("inferior vena cava", Tube([(12, -14, -98), (26, -22, -140), (50, -16, -190)], [8, 7, 7])),
        (
            "aorta",
            Tube([(-7, -8, 12), (-6, 6, 0), (-3, 12, -40), (2, 20, -90)], [4, 3.5, 3.5, 2.5]),
        ),  # superior mesenteric
        ("portal vein", Tube([(10, 16, -60), (9, 15, -20), (14, 14, 8), (28, 12, 34), (40, 12, 46)], [5, 6, 7, 7, 5])),
        ("portal vein", Tube([(8, 12, 0), (-25, 6, 14), (-60, -14, 30), (-88, -26, 46)], [5, 4.5, 4, 3])),  # splenic
        ("inferior vena cava", Tube([(-40, -32, -18), (-14, -2, -14), (14, -10, -14)], [4.5, 4.5, 5])),  # left renal
        ("inferior vena cava", Tube([(46, -36, -32), (20, -14, -24)], [4.5, 5])),
        ("aorta", Tube([(-8, -18, -10), (-26, -30, -14), (-44, -38, -18)], [3, 3, 3])),
        ("aorta", Tube([(-6, -18, -12), (22, -30, -20), (44, -38, -30)], [3, 3, 3])),
    ]


def _liver_branches(rng: np.random.Generator) -> list[Solid]:
    """Return hepatic veins, which meet at the cava below the diaphragm, and branches of the portal vein."""
    veins: list[Vector] = [(95, -5, 55), (70, 40, 62), (12, 45, 72)]
    branches: list[Solid] = [
        Tube([(24, 0, 92), tuple((np.array(v) + rng.normal(0, 5, 3)).tolist())], [5.5, 2.2]) for v in veins
    ]
    ends: list[Vector] = [(105, 10, 20), (100, -30, 60), (75, 45, 35), (0, 50, 66), (60, -20, 85)]
    for end in ends:
        tip = np.array(end) + rng.normal(0, 6, 3)
        bend = (np.array([40, 12, 46]) + tip) / 2 + rng.normal(0, 6, 3)
        branches.append(Tube([(40, 12, 46), tuple(bend.tolist()), tuple(tip.tolist())], [5, 3.2, 1.6]))
    return branches


def _bowel(rng: np.random.Generator) -> list[Tube]:
    """Return the colon as a frame, and loops of small bowel within it."""
    wide = float(rng.uniform(0.85, 1.2))
    colon: list[Vector] = [(96, -4, -150), (104, -14, -95), (100, 0, -55), (78, 52, -44), (20, 72, -52), (-40, 74, -38),
                           (-92, 48, 4), (-112, 8, 8), (-112, -22, -40), (-108, -20, -110), (-80, 0, -170)]  # fmt: skip
    jitter = rng.normal(0, 4, size=(len(colon), 3))
    nodes = [tuple(row) for row in (np.asarray(colon) + jitter).tolist()]
    loops = [Tube(nodes, (np.array([24, 24, 22, 20, 20, 19, 18, 18, 17, 16, 15]) * wide).tolist())]
    for _ in range(6):
        start = rng.uniform((-65, 15, -150), (65, 68, -95))
        steps = rng.normal(0, 1, size=(7, 3)) * (38, 18, 24)
        walk = np.clip(start + np.cumsum(steps, axis=0), (-78, 8, -190), (78, 74, -72))
        loops.append(Tube([tuple(p) for p in walk.tolist()], rng.uniform(10, 14, size=7).tolist()))
    return loops
