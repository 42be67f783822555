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
 * Asks until it is the turn of what is asked, for two minutes at most: whoever is busy puts operators off
 * first. @throws WrongAnswer
 */
export async function askPatiently<T>(api: Api, call: Call, expected: Expected<T>): Promise<T> {
  const untilAt = performance.now() + withinMs;
  let answer: Answer;
  while ((answer = await send(api, call)).status === 503 && performance.now() < untilAt) {
    await sleep(retryMs);
  }
  return bodyOf(call, answer, expected);
}

/** @throws Error where it is not so within two minutes. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const untilAt = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > untilAt) throw new Error(`not within ${withinMs / 1_000} s: ${what}`);
    await sleep(100);
  }
}
