import * as Flags from '@oclif/core/flags';
import { type MintTokenInput, mintToken } from '../../app/mint-token.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { durationFlag, instantFlag, keyFlags, realmFlags } from '../../cli/flags.ts';
import { tokenData, tokenFields } from '../../cli/render/tokens.ts';
import { bindKeyFlag, labelFlags, readHmacKey } from '../../cli/token-flags.ts';
import type { Pin } from '../../core/digest.ts';
import { utf8 } from '../../core/encoding.ts';
import { JoineryError } from '../../core/errors.ts';
import { DEFAULT_TOKEN_TTL } from '../../core/token/mint.ts';

export default class TokenMint extends BaseCommand<typeof TokenMint> {
  static override summary = 'Mint a join token';
  static override description =
    'The token lets a node join the cluster in a role, for a short time and a number of uses. Its claims are registered in the realm and ' +
    'in the audit log; the token itself is kept nowhere: it goes into a new file of mode 0600 (--out), or to stdout if you say so (--reveal).';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --ttl 15m --out node-1.jwt',
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --node node-1 --allow-reentry --label rack=a7 --out node-1.jwt',
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --reveal | ssh node-1 "umask 077; cat > join-token"',
  ];
  static override flags = {
    cluster: Flags.string({ required: true, multiple: true, description: 'cluster to join (several: repeat the flag)', helpValue: 'NAME' }),
    role: Flags.string({ required: true, description: 'role in the cluster', helpValue: 'NAME' }),
    ttl: Flags.string({ description: 'life of the token', default: `${DEFAULT_TOKEN_TTL / 60}m`, helpValue: 'DURATION' }),
    'not-before': Flags.string({ description: 'time from which it is valid (default: now)', helpValue: 'TIME' }),
    'max-uses': Flags.integer({ description: 'how many nodes may use it', default: 1, min: 1, helpValue: 'N' }),
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
    'hmac-key-file': Flags.string({ description: 'sign with this shared secret (HS256) of at least 32 bytes', helpValue: 'FILE' }),
    out: Flags.string({ char: 'o', description: 'new file for the token, mode 0600', helpValue: 'FILE' }),
    reveal: Flags.boolean({ description: 'print the token to stdout' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { out, reveal } = this.flags;
    if (out === '-' || (out === undefined && !reveal)) {
      throw new JoineryError('ERR_USAGE', '--out: expected a file for the token, or --reveal, found neither', {
        hint: 'write it to a file of mode 0600 with --out FILE; --reveal prints it, where a log may keep it',
      });
    }
    const realm = await this.context.realm();
    if (out !== undefined && (await realm.files.stat(out)) !== undefined) {
      throw new JoineryError('ERR_FILE_EXISTS', `${out}: expected a new file for the token, found one that exists`, {
        hint: 'choose another name',
      });
    }
    const minted = await mintToken(realm, await this.#input());
    const token = minted.token.reveal();
    if (out !== undefined) await realm.files.create(out, utf8(`${token}\n`), 0o600);
    const data = { ...tokenData(minted.claims, minted), ...(out !== undefined && { file: out }), ...(reveal && { token }) };
    return { data, text: reveal ? token : `${tokenFields(minted.claims, minted)}\nwrote ${String(out)}` };
  }

  async #input(): Promise<MintTokenInput> {
    const { flags, context } = this;
    const { files } = context.world;
    const { node, environment, url, pin, kid } = flags;
    return {
      clusters: flags.cluster,
      role: flags.role,
      ttl: durationFlag('--ttl', flags.ttl),
      maxUses: flags['max-uses'],
      allowReentry: flags['allow-reentry'],
      labels: labelFlags(flags.label),
      ...(flags['not-before'] !== undefined && { notBefore: instantFlag('--not-before', flags['not-before']) }),
      ...(node !== undefined && { node }),
      ...(environment !== undefined && { environment }),
      ...(url !== undefined && { urls: url }),
      ...(pin !== undefined && { pins: pin as Pin[] }),
      ...(kid !== undefined && { kid }),
      ...(flags['bind-key'] !== undefined && { keyThumbprint: await bindKeyFlag(files, flags['bind-key']) }),
      ...(flags['hmac-key-file'] !== undefined && { signer: context.hmacSigner(await readHmacKey(files, flags['hmac-key-file'])) }),
    };
  }
}
