"""Links that leave docs/ lead to the repository, at the site as on the forge."""

import posixpath
import re

LINK = re.compile(r"\]\((\.\.?/[^)#\s]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown, page, config, files):
    folder = posixpath.dirname(page.file.src_path)

    def outside(found):
        target = posixpath.normpath(posixpath.join("docs", folder, found[1]))
        if target == "docs" or target.startswith("docs/"):
            return found[0]
        return f"]({config['repo_url']}/blob/main/{target}{found[2] or ''})"

    return LINK.sub(outside, markdown)


def on_files(files, config):
    for file in list(files):
        if file.src_path.endswith(".go"):
            files.remove(file)
    return files
