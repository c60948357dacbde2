// Makes everything of a release in dist/release, from a fresh clone of the commit, and says what is left to be done by a person.
// It publishes nothing: `npm run release -- [--report FILE]... [--key FILE] [--no-build]`. See docs/guides/release.md.
import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import './plain-errors.js';
import { releaseChecks } from './release-checks.js';

// npm packs files with the modes that they have here.
process.umask(0o022);

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'dist/release') },
    report: { type: 'string', multiple: true, default: [] },
    key: { type: 'string' },
    target: { type: 'string', multiple: true, default: ['linux-x64'] },
    compression: { type: 'string', default: 'xz' },
    'no-build': { type: 'boolean', default: false },
  },
});
// Steps run in the clone: a path that was given is one of here.
const destination = resolve(values.out);
const json = (path) => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path}: expected JSON, found: ${error.message}`, { cause: error });
  }
};
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
const { version } = json(join(root, 'package.json'));
const head = git('rev-parse', 'HEAD');
const headTime = Number(git('log', '-1', '--format=%ct'));

/** The public key of --key, asked of openssl before anything is built; the private one is read by openssl alone. */
function publicKey() {
  if (values.key === undefined) return undefined;
  const key = createPublicKey(execFileSync('openssl', ['pkey', '-in', values.key, '-pubout'], { stdio: ['inherit', 'pipe', 'inherit'] }));
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`--key: expected an Ed25519 key, found ${key.asymmetricKeyType}`);
  return key.export({ type: 'spki', format: 'pem' }).trim();
}

function check() {
  const checks = releaseChecks({
    status: git('status', '--porcelain'),
    head,
    headTime,
    tag: git('tag', '--list', `v${version}`) && git('rev-parse', `v${version}^{commit}`),
    version,
    lockVersion: json(join(root, 'package-lock.json')).version,
    changelog: readFileSync(join(root, 'docs/CHANGELOG.md'), 'utf8'),
    reports: values.report.map((name) => ({ name, report: json(name) })),
  });
  console.log(`joinery ${version}, commit ${head}\n`);
  for (const [what, wrong] of checks) console.log(wrong === undefined ? `ok      ${what}` : `FAILED  ${what}: ${wrong}`);
  return checks.every(([, wrong]) => wrong === undefined);
}

/** Builds in a clone, so that nothing gets in that is not in the commit. @returns the names of what was made */
function build(out) {
  const work = mkdtempSync(join(tmpdir(), 'joinery-release-'));
  const clone = join(work, 'joinery');
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(headTime) };
  const run = (command, ...args) =>
    execFileSync(command, args, { cwd: clone, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const node = (script, ...args) => run(process.execPath, join(clone, 'bin', script), ...args);
  try {
    git('clone', '--quiet', '--no-hardlinks', root, clone);
    run('git', 'checkout', '--quiet', '--detach', head);
    symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
    node('build.js');
    node('man.js');
    run('npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', out);
    node('binary.js', ...values.target.flatMap((target) => ['--target', target]));
    const made = readdirSync(join(clone, 'dist/binary')).filter((name) => name.startsWith('joinery-'));
    for (const name of made) cpSync(join(clone, 'dist/binary', name), join(out, name));
    for (const target of values.target) {
      const executable = join(clone, `dist/binary/joinery-${version}-${target}`);
      node('deb.js', '--executable', executable, '--out', out, '--compression', values.compression);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** SHA256SUMS over everything, and the signature over that. */
function seal(out) {
  const names = readdirSync(out).sort((a, b) => (a < b ? -1 : 1));
  const sums = names
    .map(
      (name) =>
        `${createHash('sha256')
          .update(readFileSync(join(out, name)))
          .digest('hex')}  ${name}\n`,
    )
    .join('');
  writeFileSync(join(out, 'SHA256SUMS'), sums);
  if (values.key !== undefined) {
    execFileSync('sh', [join(root, 'bin/sign-release.sh'), values.key, out], { stdio: ['inherit', 'ignore', 'inherit'] });
  }
  return names;
}

/** What is there is removed: nothing but an earlier release may be. */
function assertOurs(directory) {
  const foreign = existsSync(directory) && readdirSync(directory).find((name) => !/^(joinery[-_]|SHA256SUMS)/.test(name));
  if (foreign) throw new Error(`--out: expected a new directory or that of an earlier release, found ${join(directory, foreign)}`);
}

assertOurs(destination);
const key = publicKey();
const ready = check();
if (!values['no-build']) {
  rmSync(destination, { recursive: true, force: true });
  mkdirSync(destination, { recursive: true });
  build(destination);
  const names = seal(destination);
  console.log(`\nmade in ${destination}`);
  for (const name of names) console.log(`${String(statSync(join(destination, name)).size).padStart(11)}  ${name}`);
  console.log(key === undefined ? 'SHA256SUMS is not signed: no --key' : `SHA256SUMS is signed, by\n${key}`);
}
console.log(`\nNothing was published. ${ready ? 'What is left' : 'Once everything above is ok, what is left'}:
  git tag --sign v${version} --message 'joinery ${version}' ${head.slice(0, 12)} && git push origin v${version}
  npm publish joinery-${version}.tgz
  the other files, SHA256SUMS and SHA256SUMS.sig, to where releases are`);
process.exitCode = ready ? 0 : 1;
