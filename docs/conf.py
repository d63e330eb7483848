"""How Sphinx builds these pages: `make docs`."""

import moorage

project = "moorage"
author = "The moorage maintainers"
release = version = moorage.__version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

html_theme = "pydata_sphinx_theme"
html_title = "moorage"
html_show_sourcelink = False
html_theme_options = {"show_nav_level": 2, "secondary_sidebar_items": ["page-toc"], "navbar_end": ["theme-switcher"]}
