import { setTimeout as wait } from 'node:timers/promises';
import type { Box } from './box.ts';
import type { Running } from './programs.ts';

const readyWaitMs = 60_000;
const stopWaitMs = 20_000;

/** The service in its container. */
export interface Service {
  log(): string;
  /** Asks it to end; resolves with its exit code, null where it had to be killed. */
  stop(): Promise<number | null>;
}

/** Starts the image's command and resolves once the service says that it is ready. */
export async function startService(
  { buildah, container, config }: Box,
  environment: Record<string, string>,
  url: string,
): Promise<Service> {
  const running = buildah.start(container, config.Cmd, environment);
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
  // The container shares the machine's process numbers, and the service writes its own into its log.
  const pid = Number(/"pid":(\d+)/.exec(running.output())?.[1] ?? '0');
  if (pid === 0 || running.hasEnded()) return running.exitCode;
  process.kill(pid, 'SIGTERM');
  const timer = setTimeout(() => process.kill(pid, 'SIGKILL'), stopWaitMs);
  const code = await running.exitCode;
  clearTimeout(timer);
  return code;
}
