import * as Flags from '@oclif/core/flags';
import { resolve } from 'node:path';
import { type CorpusReport, runCorpus } from '../app/run-corpus.ts';
import { runSelftest } from '../app/run-selftest.ts';
import { BaseCommand, type Outcome } from '../cli/base-command.ts';
import { durationFlag } from '../cli/flags.ts';
import { currentIo } from '../cli/io.ts';
import { corpusData, corpusText, firstFailure, selftestData, selftestText } from '../cli/render/selftest.ts';
import { environmentChecks, selftestTools } from '../cli/selftest.ts';
import { JoineryError } from '../core/errors.ts';
import { KNOWN_ANSWERS } from '../core/selftest/known-answers.ts';

export default class Selftest extends BaseCommand<typeof Selftest> {
  static override summary = 'Try every primitive and format on known answers, and this machine on what joinery needs';
  static override description =
    'The vectors are those of the RFCs and ship inside; the machine is asked for random numbers, clocks, SQLite and a TLS handshake on the ' +
    'loopback address. With --corpus, public suites that you have are tried too: limbo.json of x509-limbo, the JSON files of Wycheproof, and ' +
    'NIST PKITS (certs beside crls), wherever they lie in the directory. Where joinery is stricter than a suite, the rule is named; what it ' +
    'accepts and a suite refuses is always a failure. Writes nothing. Ends with status 0, or with an error and the whole report.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --corpus ~/x509-limbo',
    '<%= config.bin %> <%= command.id %> --corpus ~/wycheproof/testvectors_v1 --max-time 2m --json',
  ];
  static override flags = {
    corpus: Flags.string({ description: 'directory of public suites of vectors to try as well', helpValue: 'DIR' }),
    'max-time': Flags.string({ description: 'longest time for all suites', default: '10m', helpValue: 'DURATION' }),
  };

  protected async execute(): Promise<Outcome> {
    const { world, keychain, progress } = this.context;
    const maxTime = durationFlag('--max-time', this.flags['max-time']);
    const checks = environmentChecks(world.clock, keychain);
    const report = await progress.step('self-test', () => runSelftest(selftestTools, KNOWN_ANSWERS, checks));
    const texts = [selftestText(report, this.paint)];
    const failure = firstFailure(report);
    if (failure !== undefined)
      throw await this.#failed(
        new JoineryError('ERR_SELFTEST_FAILED', `${failure.id}: expected ${failure.source} to hold, found ${failure.detail}`, {
          hint: 'do not use this program on this machine until it is known why',
          details: selftestData(report),
        }),
        texts,
      );
    const { corpus: directory } = this.flags;
    if (directory === undefined) return { data: selftestData(report), text: texts.join('\n\n') };
    const corpus = await this.#tryCorpus(resolve(currentIo().cwd(), directory), maxTime);
    const data = { ...selftestData(report), corpus: corpusData(corpus) };
    texts.push(corpusText(corpus, this.paint));
    if (corpus.counts.disagree === 0) return { data, text: texts.join('\n\n') };
    const message = `--corpus: expected every verdict to agree or to be stricter by a documented rule, found ${corpus.counts.disagree} others`;
    throw await this.#failed(new JoineryError('ERR_CORPUS_DISAGREES', message, { details: data }), texts);
  }

  #tryCorpus(directory: string, maxTime: ReturnType<typeof durationFlag>): Promise<CorpusReport> {
    const { world, progress } = this.context;
    const { verifyJws, primitives } = selftestTools;
    return progress.step('suites of vectors', (say) => runCorpus({ ...world, verifyJws, primitives }, { directory, maxTime, say }));
  }

  /** The report is a result even when it is a failure; as JSON it is in the details of the error. */
  async #failed(error: JoineryError, texts: readonly string[]): Promise<JoineryError> {
    if (!this.flags.json) await this.line(texts.join('\n\n'));
    return error;
  }
}
