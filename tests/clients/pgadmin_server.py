"""Runs pgAdmin 4 as on a desktop, its files in a folder of ours: PACKAGE FOLDER PORT.

Needs no password of its own and looks for no newer version.
"""

import builtins
import runpy
import sys

PACKAGE, FOLDER, PORT = sys.argv[1:]
SETTINGS = {
    "DATA_DIR": FOLDER,
    "LOG_FILE": f"{FOLDER}/log",
    "SQLITE_PATH": f"{FOLDER}/pgadmin4.db",
    "SESSION_DB_PATH": f"{FOLDER}/sessions",
    "STORAGE_DIR": f"{FOLDER}/storage",
    "KERBEROS_CCACHE_DIR": f"{FOLDER}/kerberos",
    "AZURE_CREDENTIAL_CACHE_DIR": f"{FOLDER}/azure",
    "DEFAULT_SERVER_PORT": int(PORT),
    "MASTER_PASSWORD_REQUIRED": False,
    "USE_OS_SECRET_STORAGE": False,
    "UPGRADE_CHECK_ENABLED": False,
}

sys.path.insert(0, PACKAGE)
builtins.SERVER_MODE = False
import config  # noqa: E402

for name, value in SETTINGS.items():
    setattr(config, name, value)
sys.argv = [f"{PACKAGE}/pgAdmin4.py"]
runpy.run_path(sys.argv[0], init_globals={"SERVER_MODE": False}, run_name="__main__")
