import * as Flags from '@oclif/core/flags';
import { joinNode } from '../../client/join-node.ts';
import { attestFlag, namedEvidence } from '../../cli/attest-flag.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { nameOfInput } from '../../cli/input.ts';
import { currentIo } from '../../cli/io.ts';
import {
  callFlags,
  directoryFlag,
  nodeClientWorld,
  nodeDirectory,
  pinFlags,
  timeoutMs,
  trustDigestFlags,
  urlFlag,
} from '../../cli/node-flags.ts';
import { identityData, identityText, shownIdentity } from '../../cli/render/nodes.ts';
import { labelFlags, readToken } from '../../cli/token-flags.ts';
import { JoineryError } from '../../core/errors.ts';
import { TOKEN_CREDENTIAL } from '../../core/onboarding/env-file.ts';
import { isTokenText } from '../../core/onboarding/model.ts';
import { Secret } from '../../core/secret.ts';

export default class NodeJoin extends BaseCommand<typeof NodeJoin> {
  static override summary = 'Join a cluster: make a key here, prove the server, and install the certificate that it issues';
  static override description =
    'On a node that an onboarding package has set up it needs no flags. Otherwise it needs a join token, which says where to join and whom to ' +
    'trust, or flags that do. The key never leaves this machine, the token goes to a server only after that has proved itself under the pin or ' +
    'the trust bundle, and nothing is installed that does not verify under the node-cert-lifecycle anchors. Safe to run twice: a lost reply is ' +
    'asked for again with the same key, and a node that has joined is left as it is.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --token-file node-1.jwt --url https://boot.lab.example:8443',
    'ssh control cat node-1.jwt | <%= config.bin %> <%= command.id %> --token-file - --directory /etc/joinery/node',
  ];
  static override flags = {
    ...directoryFlag,
    ...urlFlag,
    'token-file': Flags.string({ description: 'file with the join token, - for stdin (default: that of the package)', helpValue: 'FILE' }),
    pin: Flags.string({
      multiple: true,
      default: [],
      description: 'pin of the root of the server (repeatable; default: the trust of the package, or the pin of the token)',
      helpValue: 'sha256:HEX',
    }),
    'trust-digest': Flags.string({
      multiple: true,
      default: [],
      description: 'digest of the first trust manifest of a purpose (one each; default: as the token says)',
      helpValue: 'PURPOSE=HEX',
    }),
    cluster: Flags.string({ description: 'cluster, for a token of several', helpValue: 'NAME' }),
    role: Flags.string({ description: 'role that must be granted', helpValue: 'NAME' }),
    node: Flags.string({ description: 'name of this node', helpValue: 'NAME' }),
    ...attestFlag,
    label: Flags.string({ multiple: true, default: [], description: 'label for the join policy (repeatable)', helpValue: 'KEY=VALUE' }),
    'keep-token': Flags.boolean({ description: 'do not remove the token file: it has more uses' }),
    again: Flags.boolean({ description: 'join although there is a valid identity' }),
    ...callFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, context } = this;
    const directory = nodeDirectory(flags);
    const file = flags['token-file'] ?? (await this.#credential());
    const world = await nodeClientWorld(context.world);
    const result = await joinNode(world, {
      directory,
      evidence: namedEvidence({ ...world, env: currentIo().env }, flags.attest),
      urls: flags.url,
      pins: pinFlags(flags.pin),
      trustDigests: trustDigestFlags(flags['trust-digest']),
      cluster: flags.cluster,
      role: flags.role,
      node: flags.node,
      ...(file !== undefined && { token: () => this.#token(file) }),
      ...(flags['token-file'] !== undefined && file !== '-' && { tokenFile: flags['token-file'] }),
      keepToken: flags['keep-token'],
      again: flags.again,
      ...(flags.label.length > 0 && { labels: labelFlags(flags.label) }),
      timeoutMs: timeoutMs(flags),
      correlationId: context.world.caller.correlationId,
      onWarning: (message) => this.warning(message),
    });
    const shown = shownIdentity(result.state === 'joined' ? result : result.identity);
    const data = { state: result.state, directory, ...identityData(shown) };
    const title = result.state === 'joined' ? 'joined' : 'joined before, nothing to do';
    return { data, text: `${title}\n${identityText(shown, directory)}` };
  }

  /** What systemd hands to the join service (`package render --token-delivery systemd-credential`); it is systemd's to remove. */
  async #credential(): Promise<string | undefined> {
    const directory = currentIo().env['CREDENTIALS_DIRECTORY'];
    const path = `${directory}/${TOKEN_CREDENTIAL}`;
    return directory !== undefined && (await this.context.world.files.stat(path)) !== undefined ? path : undefined;
  }

  async #token(path: string): Promise<Secret> {
    const text = await readToken(this.context.world.files, path);
    if (isTokenText(text)) return new Secret(text);
    throw new JoineryError('ERR_TOKEN_MALFORMED', `${nameOfInput(path)}: expected one line with a join token, found something else`);
  }
}
