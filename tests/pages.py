"""What a page must be that a user may send to anybody: whole, escaped, on its own."""

import re
from html.parser import HTMLParser

# Elements that have no end tag.
VOID = {"meta", "br", "img", "hr", "input"}
LOADS = {"src", "srcset", "href", "data", "action", "poster", "background"}


class Page(HTMLParser):
    """The elements, attributes and words of a page; raises where tags do not match."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.words = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def read_page(text, hostile=()):
    """Return the words of a page that is balanced, escaped and loads nothing.

    ``hostile`` are texts that went in and must come out as words, not as elements.
    """
    page = Page(text)
    words = "".join(page.words)
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name in LOADS]
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not re.search(r"url\(|@import|https?:|//", text)
    for piece in hostile:
        assert piece in words
        assert piece not in text
    return words
