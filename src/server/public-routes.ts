/** What a server shows to everybody, and asks nothing for: documents that prove themselves, and nonces. */
import type { PublicDocuments } from '../app/public-documents.ts';
import { JoineryError } from '../core/errors.ts';
import type { Challenge } from '../core/join/messages.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import { documentResponse, json, wantsChain } from './responses.ts';
import type { Route } from './router.ts';

export interface PublicWorld {
  readonly documents: PublicDocuments;
  newChallenge(): Challenge;
}

export function publicRoutes({ documents, newChallenge }: PublicWorld): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/ca',
      handle: async (request) => {
        const pem = wantsChain(request);
        return documentResponse(request, await (pem ? documents.bundlePem('control-plane-https') : documents.anchors()));
      },
    },
    {
      method: 'GET',
      path: '/v1/trust/{purpose}',
      handle: async (request, [text]) => {
        const purpose = purposeOf(text);
        return documentResponse(request, await (wantsChain(request) ? documents.bundlePem(purpose) : documents.trust(purpose)));
      },
    },
    {
      method: 'GET',
      path: '/v1/trust/{purpose}/{version}',
      handle: async (request, [purpose, version]) =>
        documentResponse(request, await documents.trust(purposeOf(purpose), versionOf(version as string))),
    },
    { method: 'GET', path: '/v1/spiffe-bundle', handle: async (request) => documentResponse(request, await documents.spiffeBundle()) },
    {
      method: 'GET',
      path: '/v1/crl/{issuer}',
      handle: async (request, [issuer]) => documentResponse(request, await documents.crl(issuer as string)),
    },
    { method: 'POST', path: '/v1/challenge', handle: () => Promise.resolve(json(200, newChallenge())) },
  ];
}

function purposeOf(text: string | undefined): Purpose {
  const found = PURPOSES.find((purpose) => purpose === text);
  if (found !== undefined) return found;
  throw new JoineryError('ERR_ROUTE_NOT_FOUND', `purpose: expected ${PURPOSES.join(' or ')}, found another`);
}

function versionOf(text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  throw new JoineryError('ERR_ROUTE_NOT_FOUND', 'version: expected a number from 1 on, found something else');
}
