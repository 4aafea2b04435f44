"""Vega-Lite specifications drawn as SVG that lives inside a page: no script, no reference to anything elsewhere."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

LONG = re.compile(r"\d+\.\d{3,}")  # a hundredth of a pixel is enough
NOISE = ("aria-label", "aria-roledescription", "aria-hidden", "role", "class", "pointer-events")


def draw(spec: dict[str, Any], *, label: str) -> str:
    """The chart as one ``<svg>`` element, named ``label`` for those who do not see it.

    A mark's accessible name (``aria-label``) becomes its ``<title>``, which browsers show at a resting pointer.
    """
    import vl_convert  # starts a JavaScript engine: a second, so only where something is drawn

    root = ElementTree.fromstring(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))
    _tidy(root)
    root.attrib = {name: root.attrib[name] for name in ("width", "height", "viewBox")}
    root.set("role", "img")
    root.set("aria-label", label)
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def _tidy(element: Element) -> None:
    """Without namespaces (HTML knows SVG), names for machines and parts that are never seen."""
    element.tag = element.tag.rpartition("}")[2]
    title = element.get("aria-label", "") if element.get("role") == "graphics-symbol" else ""
    for name in NOISE:
        element.attrib.pop(name, None)
    for name in ("d", "transform"):
        if name in element.attrib:
            element.set(name, LONG.sub(lambda number: f"{float(number[0]):.2f}", element.attrib[name]))
    for child in list(element):
        if child.get("display") == "none":
            element.remove(child)
        else:
            _tidy(child)
    if title:
        element.set("class", "tip")
        ElementTree.SubElement(element, "title").text = title
