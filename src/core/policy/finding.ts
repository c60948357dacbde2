/** What a check of a policy says, and what it knows of the realm. */

export interface Finding {
  readonly severity: 'error' | 'warning' | 'note';
  /** `spec.rules[2].roles[0]` */
  readonly path: string;
  readonly message: string;
}

/** What is known of the realm that the policy is for. */
export interface PolicyRealm {
  readonly trustDomain: string;
  readonly environment: string;
  readonly clusters: readonly { readonly name: string; readonly roles: readonly string[] }[];
  readonly joinHosts: readonly string[];
  /** Names of the attestors; absent where the configuration has none: a service may give its own. */
  readonly attestors?: readonly string[] | undefined;
}
