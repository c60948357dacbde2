#!/bin/sh
# Runs on the executable the suites in which joinery runs a program: a hook of alerts, an identity provider, systemctl. usage: with-programs.sh
set -eu
cd "$(dirname "$0")/../.."
version=$(node -p 'require("./package.json").version')
JOINERY_BIN="$PWD/dist/binary/joinery-$version-linux-$(node -p process.arch)"
export JOINERY_BIN
# shellcheck disable=SC2046 # One file on each line.
exec vitest run --config test/vitest.config.ts $(cat test/binary/with-programs.txt)
