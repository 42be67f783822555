import { expect, it } from 'vitest';
import { runProgram } from '../../helpers/script.ts';
import { Started } from '../../../src/dev/started.ts';

it('a program passes by its exit code, and standard output is kept apart', async () => {
  const ran = await runProgram('sh', ['-c', 'echo "$WORD ✓"; echo a warning >&2'], {
    environment: { WORD: 'said' },
  });

  expect(ran.passed).toBe(true);
  expect(ran.stdout).toBe('said ✓\n');
  expect(ran.output).toContain('a warning');
  expect((await runProgram('sh', ['-c', 'exit 3'])).passed).toBe(false);
});

it('one that does not exist has not passed', async () => {
  const { passed, output } = await runProgram('no-such-program', []);

  expect(passed).toBe(false);
  expect(output).toContain('no-such-program');
});

it('one that runs ends with what else was started, and so does what it started itself', async () => {
  const started = new Started();
  // It ends when its output is closed, so only after the inner one has ended, too.
  const running = runProgram('sh', ['-c', '(sleep 1000) & wait'], { started });

  await started.stop();

  expect((await running).passed).toBe(false);
});
