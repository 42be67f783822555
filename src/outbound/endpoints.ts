import { recordAudit, recordChange } from '../audit/record.ts';
import type { Operator, ProjectScope } from '../auth/project-access.ts';
import type { Deps } from '../deps.ts';
import type { WebhookEndpoint } from '../generated/prisma/client.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { notFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import type { Tx } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';
import { endpointUrlFault } from './core/endpoint-url.ts';
import { defaultTypes, type MessageType } from './core/message.ts';
import { livePrevious, newSecret, previousSecretsOf } from './secrets.ts';

export interface EndpointDeps extends Pick<Deps, 'clock' | 'database'> {
  allowedNetworks: readonly string[];
}

/** Maximum number of endpoints per project. Each endpoint adds work to every change. */
const maxEndpoints = 50;

/** Maximum number of secrets per endpoint that sign besides the current one. */
const maxPreviousSecrets = 4;

export interface EndpointInput {
  url: string;
  types?: MessageType[] | undefined;
  description?: string | undefined;
}

/**
 * Creates an endpoint, which receives the changes from now on, with its audit row.
 *
 * @throws ProblemError `url_not_allowed`, `too_many_webhook_endpoints`.
 */
export function createEndpoint(
  deps: EndpointDeps,
  by: Operator,
  { url, types = [...defaultTypes], description }: EndpointInput,
  keep: KeepAnswer<WebhookEndpoint>,
): Promise<WebhookEndpoint> {
  checkUrl(deps, url);
  const now = deps.clock();
  const { projectId } = by;
  return deps.database.transaction(async (tx) => {
    // Serializes concurrent creations in a project, so that together they stay within the limit.
    await tx.$executeRaw`select from projects where id = ${projectId} for no key update`;
    const count = await tx.webhookEndpoint.count({ where: { projectId, deletedAt: null } });
    if (count >= maxEndpoints) throw new ProblemError('too_many_webhook_endpoints');
    const row = await tx.webhookEndpoint.create({
      data: {
        id: newId('we'),
        projectId,
        url,
        types: [...new Set(types)],
        description: description ?? null,
        secret: newSecret(),
        position: await loadLastPosition(tx),
        createdAt: new Date(now),
      },
    });
    await recordAudit(tx, {
      ...targetOf(by, row),
      action: 'webhook_endpoint.create',
      after: auditOf(row),
      at: now,
    });
    await keep(tx, row);
    return row;
  });
}

/**
 * Changes an endpoint, with its audit row. An endpoint that is enabled again continues with the changes from
 * now on; `replay` sends earlier ones.
 *
 * @throws ProblemError `webhook_endpoint_not_found`, `url_not_allowed`.
 */
export function updateEndpoint(
  deps: EndpointDeps,
  by: Operator<ProjectScope>,
  id: string,
  input: Omit<EndpointInput, 'url'> & {
    url?: string | undefined;
    status?: 'enabled' | 'disabled' | undefined;
  },
): Promise<WebhookEndpoint> {
  if (input.url !== undefined) checkUrl(deps, input.url);
  return deps.database.transaction(async (tx) => {
    const before = await lockEndpoint(tx, by, id);
    const isEnabled = input.status === 'enabled' && before.status === 'disabled';
    const isDisabled = input.status === 'disabled' && before.status === 'enabled';
    const row = await tx.webhookEndpoint.update({
      where: { id },
      data: {
        // Failures of the previous URL say nothing about the new one.
        ...(input.url === undefined || input.url === before.url
          ? {}
          : { url: input.url, failingSince: null }),
        ...(input.types === undefined ? {} : { types: [...new Set(input.types)] }),
        ...(input.description === undefined ? {} : { description: input.description }),
        ...(isDisabled ? { status: 'disabled', disabledReason: 'operator' } : {}),
        ...(isEnabled
          ? {
              status: 'enabled',
              disabledReason: null,
              failingSince: null,
              position: await loadLastPosition(tx),
            }
          : {}),
      },
    });
    await recordChange(tx, {
      ...targetOf(by, row),
      action: 'webhook_endpoint.update',
      before: auditOf(before),
      after: auditOf(row),
      at: deps.clock(),
    });
    return row;
  });
}

/**
 * Marks an endpoint as deleted, with its audit row. Housekeeping later deletes its row and its deliveries.
 *
 * @throws ProblemError `webhook_endpoint_not_found`.
 */
export function deleteEndpoint(
  deps: EndpointDeps,
  by: Operator<ProjectScope>,
  id: string,
): Promise<WebhookEndpoint> {
  const now = deps.clock();
  return deps.database.transaction(async (tx) => {
    const before = await lockEndpoint(tx, by, id);
    const row = await tx.webhookEndpoint.update({
      where: { id },
      data: { deletedAt: new Date(now) },
    });
    await recordAudit(tx, {
      ...targetOf(by, row),
      action: 'webhook_endpoint.delete',
      before: auditOf(before),
      at: now,
    });
    return row;
  });
}

/**
 * Gives an endpoint a new secret, with its audit row. Previous secrets also sign until the overlap ends.
 *
 * @throws ProblemError `webhook_endpoint_not_found`.
 */
export function rotateSecret(
  deps: EndpointDeps,
  by: Operator<ProjectScope>,
  id: string,
  overlapSeconds: number,
  keep: KeepAnswer<WebhookEndpoint>,
): Promise<WebhookEndpoint> {
  const now = deps.clock();
  return deps.database.transaction(async (tx) => {
    const before = await lockEndpoint(tx, by, id);
    const until = new Date(now + overlapSeconds * 1_000).toISOString();
    const earlier = livePrevious(previousSecretsOf(before), now).map((each) => ({
      ...each,
      // An overlap of 0, as after a leak, ends all previous secrets.
      until: each.until < until ? each.until : until,
    }));
    const previous = [{ secret: before.secret, until }, ...earlier].slice(0, maxPreviousSecrets);
    const row = await tx.webhookEndpoint.update({
      where: { id },
      data: { secret: newSecret(), previousSecrets: previous },
    });
    await recordAudit(tx, {
      ...targetOf(by, row),
      action: 'webhook_endpoint.rotate_secret',
      after: { overlap_until: until },
      at: now,
    });
    await keep(tx, row);
    return row;
  });
}

/**
 * Loads an endpoint that the caller may see.
 *
 * @throws ProblemError `webhook_endpoint_not_found`.
 */
export async function loadEndpoint(
  tx: Pick<Tx, 'webhookEndpoint'>,
  { projectId }: { projectId: ProjectScope },
  id: string,
): Promise<WebhookEndpoint> {
  const row = await tx.webhookEndpoint.findFirst({
    where: { id, deletedAt: null, ...(projectId === null ? {} : { projectId }) },
  });
  if (row === null) throw notFound('webhook_endpoint_not_found', 'id', id);
  return row;
}

/** Locks an endpoint that the caller may see. Throws the same errors as `loadEndpoint`. */
export async function lockEndpoint(
  tx: Tx,
  by: { projectId: ProjectScope },
  id: string,
): Promise<WebhookEndpoint> {
  await tx.$executeRaw`select from webhook_endpoints where id = ${id} for no key update`;
  return loadEndpoint(tx, by, id);
}

/** Returns the target of an audit row about an endpoint. */
export function targetOf(by: Operator<ProjectScope>, { id, projectId }: WebhookEndpoint) {
  return { ...by, projectId, targetType: 'webhook_endpoint', targetId: id };
}

async function loadLastPosition(tx: Tx): Promise<bigint> {
  const { lastPosition } = await tx.changeFeed.findFirstOrThrow();
  return lastPosition;
}

function auditOf({ url, types, description, status, disabledReason }: WebhookEndpoint) {
  return { url, types, description, status, disabled_reason: disabledReason };
}

function checkUrl({ allowedNetworks }: EndpointDeps, url: string): void {
  const fault = endpointUrlFault(url, allowedNetworks);
  if (fault !== null) {
    throw new ProblemError('url_not_allowed', undefined, [{ path: 'url', message: fault }]);
  }
}
