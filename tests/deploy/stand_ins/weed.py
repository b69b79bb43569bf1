#!/usr/bin/python3
"""Stands in for SeaweedFS: rclone serves the data folder by S3, with the keys of the configuration.

rclone knows no rights: the auditor's key may write here, too.
"""

import json
import os
import sys
from pathlib import Path

options = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:] if "=" in word)
command = ["rclone", "serve", "s3", "--addr", f":{options['s3.port']}", "--vfs-cache-mode", "off"]
for identity in json.loads(Path(options["s3.config"]).read_text())["identities"]:
    for key in identity["credentials"]:
        command += ["--auth-key", f"{key['accessKey']},{key['secretKey']}"]
os.execvp("rclone", [*command, options["dir"]])
