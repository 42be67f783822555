import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, type Api, bodyOf, type Call, type Expected, send } from '../api.ts';

const retryMs = 200;

/** Asks until it is the turn of what is asked: whoever is busy puts operators off first. @throws WrongAnswer */
export async function askPatiently<T>(api: Api, call: Call, expected: Expected<T>): Promise<T> {
  let answer: Answer;
  while ((answer = await send(api, call)).status === 503) await sleep(retryMs);
  return bodyOf(call, answer, expected);
}
