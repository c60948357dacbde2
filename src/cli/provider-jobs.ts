/** What a server does for identity providers on its own: it tells them of revocations, and looks which authorities they will sign with. */
import { providerTrust, unknownAuthorities } from '../app/cluster-provider.ts';
import { tellProviders } from '../app/provider-outbox.ts';
import type { Fingerprint } from '../core/digest.ts';
import { formatInstant } from '../core/time.ts';
import { systemProviders } from './providers.ts';
import type { Job } from './server-jobs.ts';
import type { AssembledServer } from './server-service.ts';

export const TELL_PROVIDERS = 'provider-revocations';
export const PROVIDER_TRUST = 'provider-trust';

const MINUTE = 60_000;

export function providerJobs({ service, telemetry: { logger } }: Pick<AssembledServer, 'service' | 'telemetry'>): readonly Job[] {
  const openProvider = systemProviders(service.realm.directory);
  const known = new Set<Fingerprint>();
  const look = async (cluster: string): Promise<void> => {
    for (const authority of unknownAuthorities(await providerTrust(service.realm, cluster, openProvider))) {
      const { fingerprint, subject, notAfter } = authority;
      if (known.has(fingerprint)) continue;
      known.add(fingerprint);
      // SPIRE shows the next authority long before it signs with it.
      const what = 'identity provider has an authority that is unknown here: import it, name it as ca, publish it';
      logger.log('warn', what, { cluster, fingerprint, subject, not_after: formatInstant(notAfter) });
    }
  };
  return [
    {
      name: TELL_PROVIDERS,
      everyMs: MINUTE,
      run: async () => {
        const { told, dropped, pending } = await tellProviders(service.realm, openProvider);
        for (const serial of told) logger.log('info', 'identity provider told of a revocation', { serial });
        for (const { serial, reason } of dropped)
          logger.log('warn', 'identity provider not told of a revocation', { serial, code: reason });
        const [first] = pending;
        if (first !== undefined) throw first.error;
      },
    },
    {
      name: PROVIDER_TRUST,
      everyMs: 10 * MINUTE,
      run: async () => {
        const failures: unknown[] = [];
        // Each is looked at, whatever the provider of another cluster does.
        for (const { name, identity_provider: config } of service.realm.config.clusters)
          if (config !== undefined) await look(name).catch((error: unknown) => void failures.push(error));
        if (failures.length > 0) throw failures[0];
      },
    },
  ];
}
