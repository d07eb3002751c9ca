"""Files that are refused, or read differently, for a reason: `refusals.txt`."""

from pathlib import Path


class Known:
    """Lines of `PART OF A PATH | PART OF THE FAULT | REASON`. A fault that is not the expected one is a fault."""

    def __init__(self):
        text = (Path(__file__).parent / "refusals.txt").read_text()
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        self.lines = [tuple(part.strip() for part in line.split(" | ")) for line in lines]
        self.matched = {path: 0 for path, _, _ in self.lines}
        self.excused = {path: 0 for path, _, _ in self.lines}

    def judge(self, path, fault):
        """What is wrong with a file, or nothing."""
        line = next((line for line in self.lines if line[0] in path), None)
        if line is None:
            return fault
        part, words, _ = line
        self.matched[part] += 1
        if fault is not None and words not in fault:
            return f"refusals.txt expects `{words}`: {fault}"
        self.excused[part] += fault is not None
        return None

    def needless(self):
        """Lines of which no file needs one."""
        return [path for path, _, _ in self.lines if self.matched[path] and not self.excused[path]]

    def unmet(self):
        """Lines of files that were not there."""
        return [path for path, _, _ in self.lines if not self.matched[path]]
