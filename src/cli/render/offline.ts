/** What enrollment without a network shows. */
import type { OfflineEnrollment } from '../../app/enroll-offline.ts';
import type { RequestedOffline } from '../../app/request-offline.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import { fields, type Style } from './text.ts';

type Requested = Extract<RequestedOffline, { readonly state: 'requested' }>;

export function requestedText({ file, request }: Requested): string {
  return fields({
    request: file,
    ...(request.cluster !== undefined && { cluster: request.cluster }),
    ...(request.node_id !== undefined && { node: request.node_id }),
    next: 'joinery package enroll on the machine of the authority',
  });
}

export function requestedData({ file, request }: Requested): JsonObject {
  const { cluster, requested_role: role, node_id: node } = request;
  const known = Object.entries({ cluster, role, node }).filter(([, value]) => value !== undefined);
  return { file, ...(Object.fromEntries(known) as JsonObject) };
}

export function enrolledText(enrollments: readonly OfflineEnrollment[], paint: Style): string {
  return enrollments
    .map((each) =>
      each.result === 'accepted'
        ? `${paint('green', 'accepted')}  ${each.what}\n${fields({ identity: each.reply.identity, 'valid until': each.reply.expires_at, answer: each.file, 'audit id': each.reply.audit_id })}`
        : `${paint('red', 'refused')}   ${each.what}\n${fields({ code: each.error.code, reason: each.error.message, ...(each.error.hint !== undefined && { hint: each.error.hint }) })}`,
    )
    .join('\n');
}

export function enrolledData(enrollments: readonly OfflineEnrollment[]): readonly JsonObject[] {
  return enrollments.map((each): JsonObject => {
    const { what: request, result } = each;
    if (each.result === 'refused') return { request, result, code: each.error.code, reason: each.error.message };
    const { cluster, role, node_id: node, identity, expires_at, audit_id } = each.reply;
    return { request, result, answer: each.file, cluster, role, node, identity, expires_at, audit_id };
  });
}
