"""How the site is made: ``make docs``."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

project = "microquart"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "listing",
    "machines",
    "learning",
    "map",
    "tracing",
    "reference",
    "light",
]
exclude_patterns = ["_ext", "steps", "learn"]
myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
# Every reference to a page, a heading or a label must lead somewhere; types in
# signatures are of many libraries, and lead nowhere without the network.
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]
# The builtin ``type`` in a signature, and attributes of this name.
suppress_warnings = ["ref.python"]

# Quotes and dots; two hyphens are an option of a command.
smartquotes_action = "qe"

toc_object_entries = False
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 79

html_theme = "furo"
html_title = "microquart"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
# It would be the heaviest page by far; the search finds the same names.
html_use_index = False
html_show_sourcelink = False
html_show_copyright = False
# Two styles whose every color is legible (WCAG AA) on its ground.
pygments_style = "default"
pygments_dark_style = "native"

# Percent of the lines of the package, xray and cli aside, that pages show.
listing_threshold = 64.0
