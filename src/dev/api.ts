import type { z } from 'zod';
import { jsonText } from './json-text.ts';

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** The path from `/api/v1`, including the query. */
  path: string;
  body?: object;
}

export interface Answer {
  status: number;
  headers: Headers;
  /** The parsed body. */
  body: unknown;
  tookMs: number;
}

/** The expected response. */
export interface Expected<T> {
  status: number;
  shape: z.ZodType<T>;
}

/** A running service's API, called with one key. */
export interface Api {
  serviceUrl: string;
  key: string;
}

/** Thrown for an unexpected response. The message contains the call and the response. */
class UnexpectedResponse extends Error {
  constructor(call: Call, answer: Answer, fault: string) {
    super(
      `${call.method} ${call.path}\nreturned ${answer.status}, ${fault}\n${jsonText(answer.body, 90)}`,
    );
    this.name = 'UnexpectedResponse';
  }
}

/** Sends one call and resolves with the response. */
export async function send(
  { serviceUrl, key }: Api,
  { method, path, body }: Call,
): Promise<Answer> {
  const startedAt = performance.now();
  const response = await fetch(new URL(path, serviceUrl), {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const parsed: unknown = await response.json();
  const { status, headers } = response;
  return { status, headers, body: parsed, tookMs: performance.now() - startedAt };
}

/** Returns a response's body if it has the expected status and shape. @throws UnexpectedResponse */
export function bodyOf<T>(call: Call, answer: Answer, { status, shape }: Expected<T>): T {
  if (answer.status !== status) throw new UnexpectedResponse(call, answer, `not ${status}:`);
  const parsed = shape.safeParse(answer.body);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new UnexpectedResponse(call, answer, `but not the expected shape (${faults.join('; ')}):`);
}

/** Sends one call and resolves with its body. @throws UnexpectedResponse */
export async function ask<T>(api: Api, call: Call, expected: Expected<T>): Promise<T> {
  return bodyOf(call, await send(api, call), expected);
}
