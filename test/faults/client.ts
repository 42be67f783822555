import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Asked } from './oracle.ts';

export interface Told extends Asked {
  status: number;
  /** The parsed body. */
  body: unknown;
}

export interface Question {
  method: 'GET' | 'POST';
  /** From `/api/v1` on, query included. */
  path: string;
  key: string;
  body?: object;
  idempotencyKey?: string;
}

/** Sends one request, and resolves with the balancer's answer. */
export async function askOnce(url: string, question: Question): Promise<Told> {
  const { method, path, key, body, idempotencyKey } = question;
  const askedAt = performance.now();
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const received: unknown = await response.json();
  return { status: response.status, body: received, askedAt, answeredAt: performance.now() };
}

const retryMs = 500;

/**
 * Repeats a request until it is accepted, as a careful client does: the same body under the same
 * `Idempotency-Key`, which is in progress (409) for a while if its first attempt was cut off.
 */
export async function askUntilTaken(url: string, question: Question): Promise<Told> {
  const idempotencyKey = randomUUID();
  for (let wasCut = false; ; wasCut = true) {
    const told = await askOnce(url, { ...question, idempotencyKey });
    const inProgress = told.status === 409 && wasCut && codeOf(told) === 'idempotency_in_progress';
    if (told.status < 500 && !inProgress) return told;
    await sleep(retryMs);
  }
}

/** Returns the code of a problem. */
export function codeOf({ body }: Told): unknown {
  return typeof body === 'object' && body !== null && 'code' in body ? body.code : undefined;
}
