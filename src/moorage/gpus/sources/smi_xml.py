"""Read what `nvidia-smi -q -x` prints: the only place that tells the memory of slices and the processes on a card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET  # no entities are read: see `parse_xml`

from moorage.gpus.facts import CardFact, Part, plain_pci
from moorage.gpus.readings import whole
from moorage.gpus.sources.smi import LARGEST, Output, card_of, cut, lines_of, take_failure, uuid_of, without_twins
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Iterator


def parse_xml(text: str, *, source: str = "exec", taken_at: float | None = None) -> Output:
    """`nvidia-smi -q -x`. A text that breaks off gives the cards that were whole."""
    output = Output(cards=[], problems=[])
    text = text[:LARGEST]
    start = text.find("<nvidia_smi_log")
    if start < 0:
        for line in lines_of(text):
            if line.strip() and not take_failure(output, line):
                output.problems.append(cut(line))
        return output
    # What stands before the log is its DOCTYPE, which only names a file; nothing else may define entities.
    parser: ET.XMLPullParser[Any] = ET.XMLPullParser(["end"])
    try:
        parser.feed(text[start:])
        parser.close()
    except (ET.ParseError, ValueError, LookupError) as error:
        output.problems.append(later("the answer of nvidia-smi breaks off: {error}", error=cut(str(error))))
    for element in _whole_elements(parser):
        if element.tag != "gpu":
            continue
        card = _xml_card(element, source=source, taken_at=taken_at)
        if card is not None:
            output.cards.append(card)
        else:
            output.problems.append(later("a card could not be read"))
    output.cards = without_twins(output.cards)
    return output


def _whole_elements(parser: ET.XMLPullParser[Any]) -> Iterator[ET.Element]:
    """The elements that ended before the text broke off; the error itself comes as an event once more."""
    events = parser.read_events()
    while True:
        try:
            event: Any = next(events)
        except StopIteration:
            return
        except (ET.ParseError, ValueError, LookupError):
            continue
        yield event[1]


def _xml_card(element: ET.Element, *, source: str, taken_at: float | None) -> CardFact | None:
    def text(path: str) -> str | None:
        found = element.find(path)
        return None if found is None else found.text or ""

    uuid, pci = uuid_of(text("uuid")), plain_pci(element.get("id")) or plain_pci(text("pci/pci_bus_id"))
    if uuid is None and pci is None:
        return None
    processes = element.find("processes")
    used = text("fb_memory_usage/used")
    return card_of(
        source=source,
        taken_at=taken_at,
        # The log lists cards in the driver's order but writes no index; a minor number is another count.
        index=None,
        uuid=uuid,
        pci=pci,
        name=text("product_name"),
        total=text("fb_memory_usage/total"),
        used=used,
        free=text("fb_memory_usage/free"),
        utilization=text("utilization/gpu_util"),
        mig=text("mig_mode/current_mig"),
        temperature=text("temperature/gpu_temp"),
        parts=tuple(_xml_part(part) for part in element.iterfind("mig_devices/mig_device")),
        # Text instead of a list ("N/A") means that processes can't be seen from here.
        processes=None
        if processes is None or (processes.text or "").strip()
        else len(processes.findall("process_info")),
    )


def _xml_part(element: ET.Element) -> Part:
    def number(path: str) -> int | None:
        found = element.find(path)
        return whole(found.text)[0] if found is not None else None

    uuid = element.find("uuid")
    return Part(
        uuid=uuid_of(uuid.text) if uuid is not None else None,
        instance=number("gpu_instance_id"),
        memory_total=number("fb_memory_usage/total"),
        memory_used=number("fb_memory_usage/used"),
        memory_free=number("fb_memory_usage/free"),
    )
