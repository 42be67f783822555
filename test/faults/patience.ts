import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Answer,
  type Api,
  bodyOf,
  type Call,
  type Expected,
  send,
} from '../../src/dev/api.ts';

const retryMs = 200;
const withinMs = 120_000;

/**
 * Retries while the service sheds the request, for at most two minutes: operators are shed first. @throws
 * UnexpectedResponse
 */
export async function askPatiently<T>(api: Api, call: Call, expected: Expected<T>): Promise<T> {
  const untilAt = performance.now() + withinMs;
  let answer: Answer;
  while ((answer = await send(api, call)).status === 503 && performance.now() < untilAt) {
    await sleep(retryMs);
  }
  return bodyOf(call, answer, expected);
}

/** @throws Error if the condition does not hold within two minutes. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const untilAt = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > untilAt) throw new Error(`not within ${withinMs / 1_000} s: ${what}`);
    await sleep(100);
  }
}
