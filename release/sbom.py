"""What a wheel has inside beside greencore: licence files and a bill of materials (CycloneDX, as PEP 770 places it)."""

import json
import shutil

from libraries import LIBRARIES, source_of, version_of


def document(version, sources):
    """Return the bill of materials as a dict. Equal inputs give equal documents: no time, no serial number."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "name": "greencore",
                "version": version,
                "purl": f"pkg:pypi/greencore@{version}",
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": [
            {
                "type": "library",
                "name": library.name,
                "version": version_of(library, sources),
                "purl": library.purl.format(version_of(library, sources)),
                "licenses": [{"license": {"id": library.spdx}}],
                "description": f"linked in statically; its source is in the sdist of {library.carrier}",
            }
            for library in LIBRARIES
        ],
    }


def add(dist_info, version, sources):
    """Put licences and the bill into an unpacked wheel's .dist-info folder."""
    licences = dist_info / "licenses"
    for library in LIBRARIES:
        folder = licences / library.name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(source_of(library, sources) / library.licence, folder)
    (dist_info / "sboms").mkdir(exist_ok=True)
    text = json.dumps(document(version, sources), indent=2) + "\n"
    (dist_info / "sboms" / "greencore.cdx.json").write_text(text)
