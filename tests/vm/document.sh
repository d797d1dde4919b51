# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 11
# vm: --mem 12G
# needs: document.md
# kernels: 6.12
# What a document shows of the Python package, block by block as it stands there, on a machine with room for
# all of it: leases, pools and tasks of gigabytes, which take next to no memory. Nothing in it depends on the kernel.

cat <<-'END' | config
	[pool]
	usable = 11G
	[component trading_data]
	share = 35%
	[component ml_models]
	share = 30%
	[component database]
	share = 20%
	[component cache]
	share = 10%
END
start_uwd
export PYTHONDONTWRITEBYTECODE=1
python3 "$PUT/document.py" "$PUT/document.md"
