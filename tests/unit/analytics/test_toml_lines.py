"""On which line of a TOML file a key stands."""

import pytest

from analytics.toml_lines import line_of

TOML = """# north.app = 1
[north]
text = '''
hosts = "not this one"
'''

# hosts = []
hosts = [
  "a",
]
dotted.key = 1
inline = { under = 1 }
["south".app]
"quoted key" = 1
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("north",), 2), (("north", "text"), 3), (("north", "hosts"), 8), (("north", "dotted", "key"), 11),
        (("north", "inline", "under"), 12), (("south",), 13), (("south", "app", "quoted key"), 14),
        (("north", "app"), None), (("east",), None), (("north", "text", "hosts"), None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_parser_itself_says_on_which_line_a_key_stands(
    path: tuple[str, ...], line: int | None, newline: str
) -> None:
    assert line_of(TOML.replace("\n", newline), *path) == line
