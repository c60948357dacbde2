// Makes dist/deb/joinery_VERSION_ARCHITECTURE.deb of the single executable: `npm run build:deb -- [--executable FILE] [--revision N]`.
// The same inputs give the same bytes. Run after `npm run build` and `npm run build:binary`.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { changelog, control, copyright, lintianOverrides, scripts, sysusers } from './deb-files.js';
import './plain-errors.js';
import { debianDepends, readElf } from './elf-needs.js';
import { manPages } from './man-pages.js';
import { day, sourceDate } from './source-date.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const json = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const pjson = json('package.json');
const { values } = parseArgs({
  options: {
    executable: { type: 'string', default: join(root, `dist/binary/joinery-${pjson.version}-linux-x64`) },
    out: { type: 'string', default: join(root, 'dist/deb') },
    revision: { type: 'string', default: '1' },
    compression: { type: 'string', default: 'xz' },
  },
});
const date = sourceDate();
const version = `${pjson.version.replace('-', '~')}-${values.revision}`;
const maintainer = `${process.env.DEBFULLNAME ?? 'the maintainers of joinery'} <${process.env.DEBEMAIL ?? 'maintainers@joinery.invalid'}>`;
const doc = 'usr/share/doc/joinery';
const gzip = (data) => {
  const packed = gzipSync(data, { level: 9 });
  // No name and no time; the byte of the operating system is that of Unix everywhere.
  packed[9] = 3;
  return packed;
};

/** Path in the package to content, for what is made from something else. */
function texts() {
  const manifest = json('dist/oclif.manifest.json');
  const completions = {
    bash: 'usr/share/bash-completion/completions/joinery',
    zsh: 'usr/share/zsh/vendor-completions/_joinery',
    fish: 'usr/share/fish/vendor_completions.d/joinery.fish',
  };
  const pages = [...manPages(manifest, pjson, day(date))].map(([name, text]) => [`usr/share/man/man1/${name}.gz`, gzip(text)]);
  const shells = Object.entries(completions).map(([shell, path]) => [path, completion(shell)]);
  const units = ['joinery-server.service', 'joinery-node-agent.service'].map((name) => [
    `usr/lib/systemd/system/${name}`,
    // Where it lies now it needs no copying.
    readFileSync(join(root, 'templates/systemd', name), 'utf8').replace(
      ' Copy it to /etc/systemd/system, and see docs/',
      ` See /${doc}/docs/`,
    ),
  ]);
  return new Map([
    ...pages,
    ...shells,
    ...units,
    ['usr/lib/sysusers.d/joinery.conf', sysusers],
    ['usr/share/lintian/overrides/joinery', lintianOverrides],
    [`${doc}/copyright`, copyright()],
    [`${doc}/changelog.gz`, gzip(readFileSync(join(root, 'docs/CHANGELOG.md')))],
    [`${doc}/changelog.Debian.gz`, gzip(changelog({ version, maintainer, date }))],
    ...papers(),
  ]);
}

function completion(shell) {
  return execFileSync(process.execPath, [join(root, 'bin/run.js'), 'completion', shell], { maxBuffer: 16 * 1024 * 1024 });
}

/** What the build of the executable says of its parts. */
function papers() {
  const names = { '.cdx.json': 'joinery.cdx.json.gz', '.licenses.txt': 'third-party-licenses.txt.gz' };
  return Object.entries(names)
    .filter(([suffix]) => existsSync(`${values.executable}${suffix}`))
    .map(([suffix, name]) => [`${doc}/${name}`, gzip(readFileSync(`${values.executable}${suffix}`))]);
}

function write(stage) {
  for (const [path, content] of texts()) {
    mkdirSync(dirname(join(stage, path)), { recursive: true });
    writeFileSync(join(stage, path), content);
  }
  for (const path of ['README.md', 'docs']) cpSync(join(root, path), join(stage, doc, path), { recursive: true });
  cpSync(join(root, 'templates/policies'), join(stage, doc, 'examples/policies'), { recursive: true });
  cpSync(join(root, 'templates/drills'), join(stage, doc, 'examples/drills'), { recursive: true });
  rmSync(join(stage, doc, 'docs/CHANGELOG.md'));
  mkdirSync(join(stage, 'usr/bin'));
  cpSync(values.executable, join(stage, 'usr/bin/joinery'));
}

const filesOf = (stage) =>
  readdirSync(stage, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(stage.length + 1))
    .sort((a, b) => (a < b ? -1 : 1));

function writeControl(stage) {
  const files = filesOf(stage);
  const sums = files.map(
    (path) =>
      `${createHash('md5')
        .update(readFileSync(join(stage, path)))
        .digest('hex')}  ${path}\n`,
  );
  const bytes = files.reduce((sum, path) => sum + Math.ceil(statSync(join(stage, path)).size / 1024), 0);
  const { architecture, libraries } = readElf(readFileSync(values.executable));
  const depends = debianDepends(libraries);
  mkdirSync(join(stage, 'DEBIAN'));
  writeFileSync(join(stage, 'DEBIAN/control'), control({ version, architecture, maintainer, kilobytes: bytes, depends }));
  writeFileSync(join(stage, 'DEBIAN/md5sums'), sums.join(''));
  for (const [name, text] of Object.entries(scripts)) writeFileSync(join(stage, 'DEBIAN', name), text);
  return architecture;
}

/** One mode and one time for everything of a kind, whatever the clone and the umask say. */
function settle(stage) {
  const programs = new Set(['usr/bin/joinery', ...Object.keys(scripts).map((name) => `DEBIAN/${name}`)]);
  for (const entry of readdirSync(stage, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    chmodSync(path, entry.isDirectory() || programs.has(path.slice(stage.length + 1)) ? 0o755 : 0o644);
    lutimesSync(path, date, date);
  }
  chmodSync(stage, 0o755);
  lutimesSync(stage, date, date);
}

const stage = mkdtempSync(join(tmpdir(), 'joinery-deb-'));
try {
  write(stage);
  const architecture = writeControl(stage);
  settle(stage);
  mkdirSync(values.out, { recursive: true });
  const deb = join(values.out, `joinery_${version}_${architecture}.deb`);
  // One thread: with several, xz cuts the stream into other blocks.
  const options = ['--root-owner-group', `-Z${values.compression}`, '--threads-max=1', '--uniform-compression'];
  execFileSync('dpkg-deb', [...options, '--build', stage, deb], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, SOURCE_DATE_EPOCH: String(date) },
  });
  console.log(deb);
} finally {
  rmSync(stage, { recursive: true, force: true });
}
