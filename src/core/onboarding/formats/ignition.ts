/** The package as an Ignition configuration, spec 3.3.0: files by data URL, and a unit that runs the setup once. */
import { parseStrictJson } from '../../canonical-json.ts';
import { decodeUtf8, fromBase64, utf8 } from '../../encoding.ts';
import { array, boolean, integer, object, oneOf, optional, parseDocument, string } from '../../parse.ts';
import type { NodeFile, NodePlan } from '../files.ts';
import { DEFAULT_SERVICE, nodePath } from '../values.ts';
import { artifactOf, base64Of, type Carried, type Format, malformed } from './artifact.ts';
import { MAX_USER_DATA_BYTES } from './cloud-config.ts';

export const IGNITION_PATH = 'config.ign';
const DATA_URL = 'data:application/octet-stream;base64,';

export const ignition: Format = {
  encode: (plan) => [{ path: IGNITION_PATH, bytes: utf8(`${JSON.stringify(configOf(plan), null, 1)}\n`) }],
  decode: (artifacts) => parseConfig(decodeUtf8(artifactOf(artifacts, IGNITION_PATH), IGNITION_PATH)),
};

interface Owned {
  readonly owner: string;
}

/** Ignition takes a name or a number. */
function ownership({ owner }: Owned) {
  const [user, group] = owner.split(':').map((who) => (/^\d+$/.test(who) ? { id: Number(who) } : { name: who }));
  return { user, group };
}

function configOf({ onboarding, secrets, files, command }: NodePlan) {
  const name = `${onboarding.service ?? DEFAULT_SERVICE}-setup.service`;
  return {
    ignition: { version: '3.3.0' },
    storage: {
      directories: [{ path: secrets.path, mode: secrets.mode, ...ownership(secrets) }],
      files: files.map((file) => ({
        path: file.path,
        overwrite: true,
        mode: file.mode,
        ...ownership(file),
        contents: { source: `${DATA_URL}${base64Of(file.bytes)}` },
      })),
    },
    systemd: { units: [{ name, enabled: true, contents: setupUnit(onboarding.directory, command) }] },
  };
}

/** Once: on a later boot the node may hold newer trust than the package. */
function setupUnit(directory: string, command: readonly string[]): string {
  return `[Unit]
Description=Set up this node from its onboarding package
ConditionPathExists=!${directory}/setup-done

[Service]
Type=oneshot
ExecStart=/bin/${command.join(' ')}
ExecStartPost=/bin/touch ${directory}/setup-done
RemainAfterExit=yes

[Install]
WantedBy=multi-user.target
`;
}

const who = object({ name: optional(string({ maxLength: 32 })), id: optional(integer(0, 999999999)) });
const config = object({
  ignition: object({ version: oneOf(['3.3.0']) }),
  storage: object({
    directories: array(object({ path: nodePath(), mode: integer(0, 0o777), user: who, group: who }), { maxItems: 1 }),
    files: array(
      object({
        path: nodePath(),
        overwrite: boolean(),
        mode: integer(0, 0o777),
        user: who,
        group: who,
        contents: object({ source: string({ maxLength: MAX_USER_DATA_BYTES }) }),
      }),
      { maxItems: 100 },
    ),
  }),
  systemd: object({
    units: array(object({ name: string({ maxLength: 100 }), enabled: boolean(), contents: string({ maxLength: 4096 }) }), { maxItems: 1 }),
  }),
});

function parseConfig(text: string): Carried {
  const json = parseStrictJson(text, IGNITION_PATH, { maxLength: MAX_USER_DATA_BYTES, maxDepth: 8 });
  const { storage } = parseDocument(config, json, IGNITION_PATH, 'ERR_PACKAGE_MALFORMED');
  const files = storage.files.map(({ path, mode, user, group, contents }): NodeFile => {
    if (!contents.source.startsWith(DATA_URL)) throw malformed(`${IGNITION_PATH}: ${path}`, 'content in a data URL', 'another source');
    const owner = `${user.name ?? user.id}:${group.name ?? group.id}`;
    return { path, owner, mode, bytes: fromBase64(contents.source.slice(DATA_URL.length), path) };
  });
  return { files };
}
