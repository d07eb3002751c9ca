"""What the command makes of a file."""

import json
import subprocess

# A pipeline, its data, and limits are to blame; never the command (70), a panic (101, 134) or no end (124).
ENDS = (0, 2, 3, 4)


class Command:
    """The command, and a folder in which it works."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder

    def words(self, *arguments):
        """Its exit code and what it says on standard error."""
        try:
            command = [self.binary, *arguments]
            done = subprocess.run(command, cwd=self.folder, capture_output=True, timeout=120)
        except subprocess.TimeoutExpired:
            return 124, "no end within 120 s"
        return done.returncode, done.stderr.decode(errors="replace").strip()

    def copied(self, source, to, **keys):
        """Reads a file and writes its rows to another: exit code and words."""
        (self.folder / to).unlink(missing_ok=True)
        pipeline = {"callboard": 1, "inputs": {"i": {"path": str(source), **keys}}, "outputs": {"o": {"path": to}}}
        (self.folder / "p.json").write_text(json.dumps(pipeline))
        return self.words("run", "-q", "--no-resume", "p.json")


def broken(code, words, ends=ENDS):
    """Whether it ended as it never should."""
    if code not in ends:
        return f"ends with {code}: {words}"
    return f"panics: {words}" if "panicked" in words else None
