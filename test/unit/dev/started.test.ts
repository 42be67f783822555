import { expect, test } from 'vitest';
import { Started } from '../../../src/dev/started.ts';

test('what was started ends in the opposite order, once', async () => {
  const ended: string[] = [];
  const started = new Started();
  for (const name of ['database', 'service']) {
    started.add(() => Promise.resolve(ended.push(name)));
  }
  await Promise.all([started.stop(), started.stop()]);
  expect(ended).toEqual(['service', 'database']);
});

test('what is started while everything ends, ends too', async () => {
  const ended: string[] = [];
  const started = new Started();
  started.add(() => {
    started.add(() => Promise.resolve(ended.push('late')));
    return Promise.resolve();
  });
  await started.stop();
  await started.stop();
  expect(ended).toEqual(['late']);
});
