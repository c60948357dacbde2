/** The node directory (FORMATS 3): one layout for the package, the agent on the node and `trust apply`. */
import type { Purpose } from '../trust/purpose.ts';
import { agentFileModes } from './agent-files.ts';
import type { Onboarding } from './model.ts';
import { DEFAULT_SERVICE } from './values.ts';

export const ONBOARDING_FILE = 'onboarding.json';

export interface NodeLayout {
  readonly onboarding: string;
  readonly environment: string;
  readonly seedPeers: string;
  readonly trustState: string;
  readonly bundles: Readonly<Record<Purpose, string>>;
  readonly manifests: Readonly<Record<Purpose, string>>;
  readonly trustCheck: string;
  /** Runs once, last: everything that has to happen on the node. */
  readonly setup: string;
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
    setup: `${directory}/bin/setup`,
    secrets: `${directory}/secrets`,
    token: `${directory}/secrets/join-token`,
  };
}

const SYSTEM_STORE = '/usr/local/share/ca-certificates';

/** One file for each anchor, because update-ca-certificates(8) takes no file with several. */
export function systemAnchorPaths({ service = DEFAULT_SERVICE }: Pick<Onboarding, 'service'>, anchors: number): readonly string[] {
  return Array.from({ length: anchors }, (_, index) => `${SYSTEM_STORE}/${service}-control-plane-https-${index + 1}.crt`);
}

/** Every file of this package with its permission bits. @param anchors how many of them go into the system trust store. */
export function nodeFileModes(onboarding: Onboarding, anchors = 0): ReadonlyMap<string, number> {
  const layout = nodeLayout(onboarding);
  const { bundles, manifests } = layout;
  const readable = Number.parseInt(onboarding.file_mode ?? '0644', 8);
  const documents = [layout.onboarding, layout.environment, layout.seedPeers, layout.trustState];
  const trust = onboarding.trust_url === undefined ? [...Object.values(bundles), ...Object.values(manifests)] : [];
  return new Map([
    ...[...documents, ...trust].map((path) => [path, readable] as const),
    [layout.trustCheck, 0o755] as const,
    [layout.setup, 0o755] as const,
    ...agentFileModes(onboarding),
    // Programs of every user read these.
    ...systemAnchorPaths(onboarding, anchors).map((path) => [path, 0o644] as const),
    ...(onboarding.token_delivery === undefined ? [[layout.token, 0o600] as const] : []),
  ]);
}

/** Every path that the node directory may ever hold: none of them may lie where another is. */
export function reservedPaths(onboarding: Onboarding): readonly string[] {
  const { secrets: _, bundles, manifests, ...single } = nodeLayout(onboarding);
  const agent = agentFileModes(onboarding).map(([path]) => path);
  return [...Object.values(single), ...Object.values(bundles), ...Object.values(manifests), ...agent];
}
