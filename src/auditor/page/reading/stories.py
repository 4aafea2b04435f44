"""Reading of the stories of missing points, as ``starmend why`` tells them; of the longest gaps alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from auditor.page.coverage import FeedView, Gap
from auditor.page.reading.sources import Notes, Sources
from auditor.stories.point import tell_point
from auditor.stories.read_point import Listed, read_point
from auditor.windows import facts_of


def story_key(dataset: str, entity: str, slot: int) -> str:
    """The name of a point's story among those of the page."""
    return f"{dataset}/{entity}/{slot}"


def read_stories(sources: Sources, feeds: Sequence[FeedView], notes: Notes) -> dict[str, Mapping[str, Any]]:
    """The story of the first point of the longest gaps, by turns of the feeds, as far as ``Sources.stories`` goes."""
    stories: dict[str, Mapping[str, Any]] = {}
    listed: Listed = {}  # the gaps of an outage are of the same hours
    for feed, gap in _by_turns(feeds):
        if len(stories) >= sources.stories:
            break
        fact = next(iter(facts_of(sources.contracts.dataset(feed.dataset))), None)
        if fact is None:
            continue

        def tell(table: Any = fact, entity: str = gap.entity, at: int = gap.start) -> Mapping[str, Any]:
            return tell_point(read_point(sources.services, table, entity, at, listed=listed)).to_data()

        key = story_key(feed.dataset, gap.entity, gap.start)
        nothing: Mapping[str, Any] = {}
        if story := notes.unless(f"the story of {key}", nothing, tell):
            stories[key] = story
    return stories


def _by_turns(feeds: Sequence[FeedView]) -> Iterator[tuple[FeedView, Gap]]:
    """The gaps of the feeds, the longest of each first, then the next of each."""
    for turn in zip_longest(*([(feed, gap) for gap in feed.gaps] for feed in feeds)):
        yield from (pair for pair in turn if pair is not None)
