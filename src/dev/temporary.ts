import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Started } from './started.ts';

/** Creates a folder in the temporary directory. It is deleted when `started` stops or the process exits. */
export async function temporaryDirectory(name: string, started: Started): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), `latchkey-${name}-`));
  // Covers processes that exit without stopping `started`, as a test runner does on Ctrl-C.
  const removeAtExit = () => {
    // A killed server may still be writing its last file.
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  };
  process.on('exit', removeAtExit);
  started.add(async () => {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    process.off('exit', removeAtExit);
  });
  return directory;
}
