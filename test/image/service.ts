import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Box } from './box.ts';
import type { Running } from './programs.ts';

const readyWaitMs = 60_000;
const stopWaitMs = 20_000;

/** The service in its container. */
export interface Service {
  log(): string;
  /** Stops it; resolves with its exit code, null if it had to be killed. */
  stop(): Promise<number | null>;
}

/** Starts the image's command and resolves when the service is ready. */
export async function startService(
  { buildah, container, config }: Box,
  environment: Record<string, string>,
  url: string,
): Promise<Service> {
  const running = buildah.start(container, [...config.Entrypoint, ...config.Cmd], environment);
  const service = { log: () => running.output(), stop: () => stop(running) };
  for (let waitedMs = 0; waitedMs < readyWaitMs && !running.hasEnded(); waitedMs += 250) {
    const response = await fetch(`${url}/ready`).catch(() => null);
    if (response?.status === 200) return service;
    await wait(250);
  }
  await service.stop();
  throw new Error(`The container did not become ready.\n${running.output()}`);
}

async function stop(running: Running): Promise<number | null> {
  if (running.pid === undefined || running.hasEnded()) return running.exitCode;
  // Buildah does not forward signals. The container shares the machine's process numbers, so the service is
  // the last of buildah's descendants.
  const pid = await lastDescendant(running.pid);
  process.kill(pid, 'SIGTERM');
  const timer = setTimeout(() => process.kill(pid, 'SIGKILL'), stopWaitMs);
  const code = await running.exitCode;
  clearTimeout(timer);
  return code;
}

async function lastDescendant(pid: number): Promise<number> {
  const tasks = `/proc/${pid}/task`;
  for (const thread of await readdir(tasks).catch(() => [])) {
    const children = await readFile(`${tasks}/${thread}/children`, 'utf8').catch(() => '');
    const child = Number(children.trim().split(' ')[0]);
    if (child > 0) return lastDescendant(child);
  }
  return pid;
}
