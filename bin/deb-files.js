// The texts of the Debian package: control, copyright, changelog, the scripts of the maintainer, and what lintian may not know.

const UNITS = 'joinery-server.service joinery-node-agent.service';

export const control = ({ version, architecture, maintainer, kilobytes, depends }) => `Package: joinery
Version: ${version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${kilobytes}
Depends: ${depends}
Suggests: bash-completion, openssl
Section: admin
Priority: optional
Description: toolkit for first trust and node join that works without a network
 joinery creates certificate authorities, mints and verifies join tokens,
 publishes signed versions of trust bundles, and renders onboarding packages:
 cloud-init documents that tell a bare node whom to trust and let it prove that
 it was invited. It hosts and calls the server where nodes join, keeps the
 identity of a node alive, and rehearses the bad day.
 .
 It is one executable. Everything that it decides is in an audit log that shows
 any change.
`;

export const copyright = () => `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: joinery
Comment: /usr/bin/joinery also holds Node.js and packages of npm. Their names,
 versions, copyrights and licences are in third-party-licenses.txt.gz beside
 this file, and as CycloneDX in joinery.cdx.json.gz.

Files: *
Copyright: 2026 the maintainers of joinery
License: Apache-2.0
 On Debian systems the text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
`;

export const changelog = ({ version, maintainer, date }) => `joinery (${version}) unstable; urgency=medium

  * Release ${version.replace(/-[^-]*$/, '')}: see changelog.gz in this directory.

 -- ${maintainer}  ${new Date(date * 1000).toUTCString().replace('GMT', '+0000')}
`;

export const sysusers = `# The user of joinery-server.service.
u joinery - "joinery bootstrap server" /var/lib/joinery-server
`;

/** The server's user; and whoever runs a service gets the new executable at once. Nothing is enabled or started. */
const postinst = `#!/bin/sh
set -e
if [ "$1" = configure ]; then
  if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers joinery.conf
  fi
  if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
    if [ -n "$2" ]; then
      deb-systemd-invoke try-restart ${UNITS} >/dev/null || true
    fi
  fi
fi
`;

const prerm = `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  deb-systemd-invoke stop ${UNITS} >/dev/null || true
fi
`;

/** Realms, node identities and passphrases stay: whoever wants to lose keys removes them by name. */
const postrm = `#!/bin/sh
set -e
if [ "$1" = purge ]; then
  for unit in ${UNITS}; do
    rm -f "/etc/systemd/system/multi-user.target.wants/$unit"
  done
fi
if [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload >/dev/null || true
fi
`;

export const scripts = { postinst, prerm, postrm };

export const lintianOverrides = `# Node.js ships its libraries in itself; joinery.cdx.json.gz names their versions.
joinery: embedded-library *
# Node.js is built without it.
joinery: hardening-no-pie *
# Not from Debian's archive.
joinery: initial-upload-closes-no-bugs *
`;
