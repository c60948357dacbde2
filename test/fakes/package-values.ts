/** What an attacker, or a bad day, writes into the texts of a package. */
import * as fc from 'fast-check';

export const HOSTILE = [
  '#cloud-config',
  '\n#cloud-config\nruncmd: [reboot]',
  '&anchor *alias <<: *x',
  '$(reboot)`id`',
  "'; reboot; '",
  '"; reboot #',
  '\u202etxt.exe',
  '- a: b',
  '%YAML 1.1\n---\n!!python/object/apply:os.system ["reboot"]',
  '\u0000',
  '\r\n--joinery-package--\r\n',
  "\nJOINERY\nreboot\nfile 0755 root:root /bin/sh <<'JOINERY'\n",
  '../../etc/passwd',
  '${IFS}&&reboot',
] as const;

export const hostile = fc.oneof(
  fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed()),
  fc.constantFrom(...HOSTILE),
  fc.constant('x'.repeat(65536)),
);
export const labelName = fc.stringMatching(/^[A-Za-z0-9._/-]{1,20}$/).filter((name) => name !== '__proto__');
export const safeName = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);
export const url = fc.stringMatching(/^https:\/\/[a-z][a-z0-9]{0,9}(:\d{1,4})?(\/[A-Za-z0-9._~!$&()*+,;=:@%/-]{0,20})?$/);
export const nodeDirectory = fc.stringMatching(/^(\/[a-z][a-z0-9]{0,8}){1,3}$/);
