/** Scenarios, logs and reports of drills for commands. */
import type { DrillWorld } from '../app/drill-documents.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from '../core/canonical-json.ts';
import { type DrillAnswers, parseAnswers } from '../core/drill/answers.ts';
import { parseInventory, withInventory } from '../core/drill/inventory.ts';
import type { Interviewer } from '../core/drill/interviewer.ts';
import { type DrillLog, parseLog } from '../core/drill/log.ts';
import { type DrillReport, drillReport, reportJson } from '../core/drill/report.ts';
import { reportHtml } from '../core/drill/report-html.ts';
import { reportMarkdown, reportText } from '../core/drill/report-text.ts';
import { type Scenario, parseScenario } from '../core/drill/scenario.ts';
import { decodeUtf8, utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { nearest } from '../core/names.ts';
import type { Files } from '../core/ports.ts';
import { certificateKeys } from './certificate-world.ts';
import type { World } from './context.ts';
import { nameOfInput, readInput, readJson } from './input.ts';
import { currentIo } from './io.ts';
import { jsonText } from './render/text.ts';

/** A drill with the largest inventory in it. */
const MAX_SCENARIO = 64 * 1024 * 1024;
const MAX_INVENTORY = 32 * 1024 * 1024;
const MAX_LOG = 64 * 1024 * 1024;
const ENDING = '.yaml';

export interface LoadedDrill {
  readonly scenario: Scenario;
  /** As it was given. */
  readonly document: JsonObject;
  readonly text: string;
  /** Names it in messages. */
  readonly what: string;
}

export function drillWorld({ random, verifySignature }: World): DrillWorld {
  return { keys: certificateKeys(), random, verifySignature };
}

/** Names of the drills that come with joinery. */
export async function shippedDrills(): Promise<readonly string[]> {
  const { listTemplates } = await import('../adapters/templates.ts');
  return (await listTemplates('drills')).filter((name) => name.endsWith(ENDING)).map((name) => name.slice(0, -ENDING.length));
}

/** @param nameOrFile a drill that comes with joinery, or a file. @throws ERR_DRILL_NOT_FOUND, ERR_DRILL_MALFORMED, ERR_FILE_* */
export async function loadDrill(files: Pick<Files, 'read'>, nameOrFile: string): Promise<LoadedDrill> {
  const isFile = nameOrFile === '-' || /[./]/.test(nameOrFile);
  const what = isFile ? nameOfInput(nameOrFile) : nameOrFile;
  const text = decodeUtf8(isFile ? await readInput(files, nameOrFile, MAX_SCENARIO) : await shippedText(nameOrFile), what);
  const document = await documentOf(text, what);
  const scenario = parseScenario(document, what);
  // What has been parsed is an object.
  return { scenario, document: isJsonObject(document) ? document : {}, text, what };
}

/** YAML, or JSON, which may be large: an inventory is in it. */
async function documentOf(text: string, what: string): Promise<JsonValue> {
  if (/^\s*\{\s*"/.test(text)) return parseStrictJson(text, what, { maxLength: MAX_SCENARIO });
  const { parseYaml } = await import('../adapters/config-file.ts');
  return parseYaml(text, what);
}

/** The document as JSON, with a line for each node. */
export function drillText({ document }: LoadedDrill): string {
  const fleet = document['fleet'] as JsonObject;
  const rows = (fleet['inventory'] as readonly JsonObject[]).map((row) => `      ${JSON.stringify(row)}`);
  const frame = JSON.stringify({ ...document, fleet: { ...fleet, inventory: [] } }, undefined, 2);
  // The quotes of a text that says the same are escaped.
  return `${frame.replace('"inventory": []', () => `"inventory": [\n${rows.join(',\n')}\n    ]`)}\n`;
}

async function shippedText(name: string): Promise<Uint8Array> {
  const known = await shippedDrills();
  if (known.includes(name)) return (await import('../adapters/templates.ts')).readTemplate(`drills/${name}${ENDING}`);
  const near = nearest(name, known);
  throw new JoineryError('ERR_DRILL_NOT_FOUND', `SCENARIO: expected ${known.join(', ')} or a file, found another name`, {
    hint: near === undefined ? 'joinery drill list shows them' : `did you mean ${near}?`,
    details: { known },
  });
}

/** @throws ERR_DRILL_INVENTORY, ERR_JSON_MALFORMED, ERR_FILE_* */
export async function readInventory(files: Pick<Files, 'read'>, path: string): Promise<readonly JsonObject[]> {
  const what = nameOfInput(path);
  return parseInventory(decodeUtf8(await readInput(files, path, MAX_INVENTORY), what), what);
}

/** The drill with nodes of an inventory. @throws ERR_DRILL_MALFORMED */
export function withFleet(loaded: LoadedDrill, inventory: readonly JsonObject[]): LoadedDrill {
  const document = withInventory(loaded.document, inventory);
  return { ...loaded, document, scenario: parseScenario(document, `${loaded.what}, with the inventory`) };
}

/** @throws ERR_DRILL_ANSWERS, ERR_JSON_MALFORMED, ERR_FILE_* */
export async function readAnswers(
  files: Pick<Files, 'read'>,
  path: string,
): Promise<{ readonly given: DrillAnswers; readonly what: string }> {
  const { value, what } = await readJson(files, path);
  return { given: parseAnswers(value, what), what };
}

/** The person at this terminal. */
export async function interviewer(): Promise<Interviewer> {
  const { terminalInterviewer } = await import('../adapters/prompter.ts');
  const { stdin, stderr } = currentIo();
  return terminalInterviewer({ input: stdin, output: stderr.stream }, 'take decisions from a file: --answers FILE');
}

/** @throws ERR_DRILL_LOG, ERR_FILE_* */
export async function readLog(files: Pick<Files, 'read'>, path: string): Promise<DrillLog> {
  const what = nameOfInput(path);
  return parseLog(decodeUtf8(await readInput(files, path, MAX_LOG), what), what);
}

const FORMATS = {
  text: (report: DrillReport) => `${reportText(report)}\n`,
  markdown: reportMarkdown,
  html: reportHtml,
  json: (report: DrillReport) => `${jsonText(reportJson(report))}\n`,
};

export type ReportFormat = keyof typeof FORMATS;
export const REPORT_FORMATS = Object.keys(FORMATS) as ReportFormat[];

const ENDINGS: Readonly<Record<string, ReportFormat>> = { txt: 'text', md: 'markdown', html: 'html', json: 'json' };

/** The format that the ending of a file names. @throws ERR_USAGE */
export function formatOf(path: string): ReportFormat {
  const format = ENDINGS[/\.([a-z]+)$/.exec(path)?.[1] ?? ''];
  if (format !== undefined) return format;
  throw new JoineryError(
    'ERR_USAGE',
    `--report: expected a file that ends with .${Object.keys(ENDINGS).join(', .')}, found another ending`,
  );
}

export function renderReport(log: DrillLog, format: ReportFormat): string {
  return FORMATS[format](drillReport(log));
}

/** Writes reports to new files, each in the format that its ending names. */
export async function writeReports(files: Pick<Files, 'create'>, log: DrillLog, paths: readonly string[]): Promise<void> {
  const texts = paths.map((path) => renderReport(log, formatOf(path)));
  for (const [index, path] of paths.entries()) await files.create(path, utf8(texts[index] as string), 0o644);
}
