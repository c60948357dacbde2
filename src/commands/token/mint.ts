import * as Flags from '@oclif/core/flags';
import type { Batch, BatchToken } from '../../app/token-steps.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { keyFlags, realmFlags } from '../../cli/flags.ts';
import { currentIo, write } from '../../cli/io.ts';
import { checkCi, ciFlag, deliverToCi } from '../../cli/token-ci.ts';
import { checkJoinCommand, joinCommand } from '../../cli/join-command.ts';
import { batchByFlags, batchFlags, bytesOf, isStateless, isStream, onlyToken } from '../../cli/token-batch.ts';
import { checkTokenOutput, createTokenFile, deliverToken, tokenOutputFlags } from '../../cli/token-output.ts';
import { TOKEN_FORMATS } from '../../core/token/grant.ts';

export default class TokenMint extends BaseCommand<typeof TokenMint> {
  static override summary = 'Mint a join token';
  static override description =
    'The token lets a node join the cluster in a role, for a short time and a number of uses. What it grants is registered in the realm and ' +
    'in the audit log; the token itself is kept nowhere: it goes into a new file of mode 0600 (--out), or to stdout if you say so (--reveal).';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --ttl 15m --out node-1.jwt',
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --node node-1 --allow-reentry --label rack=a7 --out node-1.jwt',
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --reveal | ssh node-1 "umask 077; cat > join-token"',
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --from nodes.csv --out tokens.jsonl',
    '<%= config.bin %> <%= command.id %> --key-env CI_TOKEN_KEY --issuer control.example.internal --cluster prod --role worker --out node-1.jwt',
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --format kubeadm --ca node-root --out token.txt',
  ];
  static override flags = {
    cluster: Flags.string({ required: true, multiple: true, description: 'cluster to join (several: repeat the flag)', helpValue: 'NAME' }),
    role: Flags.string({ required: true, description: 'role in the cluster', helpValue: 'NAME' }),
    format: Flags.option({ options: TOKEN_FORMATS, description: 'dialect of the token' })({ default: 'jwt' }),
    ttl: Flags.string({ description: 'life of the token; never, for a secret (default: 15m; omnirelay: 1h)', helpValue: 'DURATION' }),
    'not-before': Flags.string({ description: 'time from which it is valid (default: now)', helpValue: 'TIME' }),
    'max-uses': Flags.string({ description: 'how many nodes may use it; unlimited, for a secret', default: '1', helpValue: 'N' }),
    node: Flags.string({ description: 'the one node that may use it', helpValue: 'NAME' }),
    'allow-reentry': Flags.boolean({ description: 'the node may join again under a new key', dependsOn: ['node'] }),
    'bind-key': Flags.string({
      description: 'the one key that may use it: file with the public key, or RFC 7638 thumbprint',
      helpValue: 'FILE|THUMBPRINT',
    }),
    environment: Flags.string({ description: 'refuse to mint in a realm of another environment', helpValue: 'NAME' }),
    label: Flags.string({
      multiple: true,
      default: [],
      description: 'label that join policies can match (repeatable)',
      helpValue: 'KEY=VALUE',
    }),
    url: Flags.string({ multiple: true, description: 'where to join (repeatable)', helpValue: 'URL' }),
    pin: Flags.string({ multiple: true, description: 'pin of a key that the server must show (repeatable)', helpValue: 'sha256:HEX' }),
    kid: Flags.string({ description: 'sign with this standby key', helpValue: 'KID', exclusive: ['hmac-key-file'] }),
    'hmac-key-file': Flags.string({
      description: 'sign with this shared secret (jwt: HS256, 32 bytes or more; omnirelay)',
      helpValue: 'FILE',
    }),
    issuer: Flags.string({
      description:
        'issuer of an omnirelay token (default: omnirelay-bootstrap), or of a jwt without a realm: with a key flag or --keychain',
      helpValue: 'NAME',
    }),
    ca: Flags.string({ description: 'authority that a secure, k3s or kubeadm token pins', helpValue: 'NAME', exclusive: ['ca-file'] }),
    'ca-file': Flags.string({ description: 'cluster CA file that a k3s token pins, byte for byte', helpValue: 'FILE' }),
    user: Flags.string({ description: 'user of a k3s token (default: node)', helpValue: 'NAME' }),
    ...batchFlags,
    ci: ciFlag(),
    'print-join-command': Flags.boolean({
      description: 'print the line that makes a node join with it; the token is in the file, or goes to stdin',
      exclusive: ['count', 'ci', 'from'],
    }),
    ...tokenOutputFlags,
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, context } = this;
    const { ci } = flags;
    if (ci !== undefined) checkCi(ci, flags.out);
    if (ci !== 'github') await checkTokenOutput(context.world.files, flags);
    const { 'print-join-command': printJoin } = flags;
    if (printJoin) checkJoinCommand(flags);
    if (isStream(flags)) return this.#stream(await batchByFlags(context, flags));
    const line = printJoin ? await this.#joinCommand() : undefined;
    const minted = isStateless(flags)
      ? await onlyToken(await batchByFlags(context, flags))
      : await (await import('../../cli/token-mint.ts')).mintByFlags(context, flags, (message) => this.warning(message));
    if (ci !== undefined) return deliverToCi(context.world.files, ci, flags.out, minted, flags.json);
    const delivered = await deliverToken(context.world.files, flags, minted);
    if (line === undefined) return delivered;
    return { data: { ...delivered.data, join_command: line }, text: `${delivered.text}\n${line}` };
  }

  async #joinCommand(): Promise<string> {
    const { flags, context } = this;
    // It reads trust bundles: loaded for those who ask for it only.
    const { joinHints } = await import('../../app/join-hints.ts');
    return joinCommand(flags, flags, await joinHints(await context.realm(), flags.cluster[0] as string, flags.url));
  }

  /** JSON lines as they are made, so that memory stays flat; only --json --reveal holds them all. */
  async #stream({ steps }: Batch): Promise<Outcome> {
    const { out, json, reveal } = this.flags;
    const tokens: BatchToken[] = [];
    let minted = 0;
    const lines = bytesOf(steps, (step) => {
      minted += step.length;
      if (json && reveal) tokens.push(...step);
    });
    if (out !== undefined) await createTokenFile(out, lines);
    else for await (const bytes of lines) if (!json) await write(currentIo().stdout, bytes);
    const data = {
      minted,
      ...(out !== undefined && { file: out }),
      ...(reveal && { tokens: tokens.map((token) => ({ ...token })) }),
    };
    return { data, text: out === undefined ? '' : `minted ${minted} tokens\nwrote ${out}` };
  }
}
