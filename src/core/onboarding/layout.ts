/** The node directory (FORMATS 3): one layout for the package, the agent on the node and `trust apply`. */
import type { Purpose } from '../trust/purpose.ts';
import type { Onboarding } from './model.ts';

export const ONBOARDING_FILE = 'onboarding.json';

export interface NodeLayout {
  readonly onboarding: string;
  readonly environment: string;
  readonly seedPeers: string;
  readonly trustState: string;
  readonly bundles: Readonly<Record<Purpose, string>>;
  readonly manifests: Readonly<Record<Purpose, string>>;
  readonly trustCheck: string;
  readonly secrets: string;
  readonly token: string;
}

/** Where a trust bundle lies unless the operator names another path. */
export function defaultBundlePath(directory: string, purpose: Purpose): string {
  return `${directory}/trust/${purpose}.pem`;
}

/**
 * Every path of the node directory. Only the two bundles may lie elsewhere (a service may insist on its own path); the secrets
 * directory is always the package's own, because its mode is set and no directory of somebody else's may get mode 0700.
 */
export function nodeLayout({ directory, trust }: Pick<Onboarding, 'directory' | 'trust'>): NodeLayout {
  return {
    onboarding: `${directory}/${ONBOARDING_FILE}`,
    environment: `${directory}/joinery.env`,
    seedPeers: `${directory}/seed-peers.json`,
    trustState: `${directory}/trust/state.json`,
    bundles: { 'control-plane-https': trust['control-plane-https'].path, 'node-cert-lifecycle': trust['node-cert-lifecycle'].path },
    manifests: {
      'control-plane-https': `${directory}/trust/control-plane-https.manifest.json`,
      'node-cert-lifecycle': `${directory}/trust/node-cert-lifecycle.manifest.json`,
    },
    trustCheck: `${directory}/bin/trust-check`,
    secrets: `${directory}/secrets`,
    token: `${directory}/secrets/join-token`,
  };
}

/** Every file of the layout with its permission bits; the token alone is for root's eyes only. */
export function nodeFileModes(layout: NodeLayout): readonly (readonly [path: string, mode: number])[] {
  const { onboarding, environment, seedPeers, trustState, bundles, manifests, trustCheck, token } = layout;
  const readable = [onboarding, environment, seedPeers, trustState, ...Object.values(bundles), ...Object.values(manifests)];
  return [...readable.map((path) => [path, 0o644] as const), [trustCheck, 0o755], [token, 0o600]];
}
