// A CycloneDX 1.6 bill of materials of the executable: from what the bundle really contains, the lock file, and the runtime's own list.
import { createHash } from 'node:crypto';
import { byText } from '../bundle.js';

const npmUrl = (name, version) => `pkg:npm/${name.replace('@', '%40')}@${version}`;
// The same version can lie in two places.
const refOf = (path, name, version) => `${npmUrl(name, version)}#${path}`;

/**
 * @typedef {{path: string, name: string, version: string, license: string}} Package path: as the lock file names it
 * @param {{version: string, target: string, sha256: string, packages: Package[], lock: object, runtime: {name: string, version: string, versions: Record<string, string>}}} what
 * @returns {string} JSON, the same for the same executable
 */
export function sbomOf({ version, target, sha256, packages, lock, runtime }) {
  const ref = `pkg:npm/joinery@${version}?platform=${target}`;
  const node = `pkg:github/nodejs/node@v${runtime.version}`;
  const name = `joinery-${version}-${target}`;
  const body = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': ref,
        name: 'joinery',
        version,
        description: name,
        hashes: [{ alg: 'SHA-256', content: sha256 }],
        licenses: [{ license: { id: 'Apache-2.0' } }],
        purl: ref,
      },
    },
    components: [runtimeComponent(node, runtime, lock), ...packages.map((entry) => packageComponent(entry, lock))],
    dependencies: [
      { ref, dependsOn: [node, ...packages.map(({ path, name, version }) => refOf(path, name, version))] },
      ...dependenciesOf(packages, lock),
    ],
  };
  return `${JSON.stringify({ $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json', ...withSerialNumber(body) }, undefined, 2)}\n`;
}

/** A name for the document that depends on nothing but its content (RFC 9562, version 8). */
function withSerialNumber(body) {
  const hex = createHash('sha256').update(JSON.stringify(body)).digest('hex');
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  return { serialNumber: `urn:uuid:${id}`, ...body };
}

function runtimeComponent(ref, { name, version, versions }, lock) {
  const parts = Object.entries(versions).filter(([part, value]) => !['node', 'modules', 'napi'].includes(part) && /^[0-9]/.test(value));
  return {
    type: 'platform',
    'bom-ref': ref,
    name: 'node',
    version,
    description: `the Node.js runtime, from the npm package ${name}`,
    licenses: [{ license: { id: 'MIT' } }],
    purl: ref,
    externalReferences: [
      { type: 'distribution', url: npmUrl(name, version), hashes: hashesOf(lock.packages[`node_modules/${name}`].integrity) },
    ],
    components: parts.map(([part, value]) => ({ type: 'library', name: part, version: value })),
  };
}

function packageComponent({ path, name, version, license }, lock) {
  const purl = npmUrl(name, version);
  return {
    type: 'library',
    'bom-ref': refOf(path, name, version),
    name,
    version,
    hashes: hashesOf(lock.packages[path].integrity),
    licenses: [/ (OR|AND|WITH) /.test(license) ? { expression: license } : { license: { id: license } }],
    purl,
  };
}

/** Subresource integrity (`sha512-BASE64`) as CycloneDX writes it. */
function hashesOf(integrity) {
  const [algorithm, value] = integrity.split('-', 2);
  return [{ alg: algorithm === 'sha512' ? 'SHA-512' : 'SHA-1', content: Buffer.from(value, 'base64').toString('hex') }];
}

/** Who needs whom, among what is inside: as Node.js would look it up. */
function dependenciesOf(packages, lock) {
  const refs = new Map(packages.map(({ path, name, version }) => [path, refOf(path, name, version)]));
  return packages.map(({ path }) => {
    const names = Object.keys(lock.packages[path].dependencies ?? {});
    const found = names.map((name) => refs.get(resolve(path, name, lock))).filter((ref) => ref !== undefined);
    return { ref: refs.get(path), dependsOn: found.toSorted(byText) };
  });
}

function resolve(path, name, lock) {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const candidate = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (lock.packages[candidate] !== undefined || at === '') return candidate;
  }
}
