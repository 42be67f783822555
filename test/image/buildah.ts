import { z } from 'zod';
import { run, startProgram, type Running } from './programs.ts';

/** The configuration of an image, in the format that buildah and Docker share. */
const imageShape = z.object({
  Docker: z.object({
    config: z.object({
      User: z.string(),
      WorkingDir: z.string(),
      Env: z.array(z.string()),
      Entrypoint: z.array(z.string()),
      Cmd: z.array(z.string()),
      Healthcheck: z.object({ Test: z.array(z.string()) }),
    }),
  }),
});

export type ImageConfig = z.infer<typeof imageShape>['Docker']['config'];

const minuteMs = 60_000;

/**
 * Buildah without a daemon, an engine or namespaces: images and containers are folders below one private
 * directory, and a container shares the machine's network and processes.
 */
export class Buildah {
  readonly #global: string[];

  constructor(directory: string) {
    this.#global = [
      ...['--root', `${directory}/storage`, '--runroot', `${directory}/run`],
      ...['--storage-driver', 'vfs'],
    ];
  }

  async #run(args: string[], limitMs = 2 * minuteMs): Promise<string> {
    return (await run('buildah', [...this.#global, ...args], limitMs)).trim();
  }

  /** Builds a Dockerfile in Docker's format, because the other one has no health check. */
  async build(context: string, tag: string, args: Record<string, string>): Promise<void> {
    const given = Object.entries(args).flatMap(([name, value]) => [
      '--build-arg',
      `${name}=${value}`,
    ]);
    await this.#run(
      ['build', '--isolation', 'chroot', '--format', 'docker', ...given, '--tag', tag, context],
      15 * minuteMs,
    );
  }

  async hasImage(image: string): Promise<boolean> {
    return this.#run(['inspect', '--type', 'image', image]).then(
      () => true,
      () => false,
    );
  }

  async imageConfig(image: string): Promise<ImageConfig> {
    const text = await this.#run(['inspect', '--type', 'image', image]);
    return imageShape.parse(JSON.parse(text)).Docker.config;
  }

  async removeImage(image: string): Promise<void> {
    await this.#run(['rmi', '--force', image]);
  }

  /** Creates a container of an image; resolves with its name. */
  async createContainer(image: string): Promise<string> {
    return this.#run(['from', '--pull-never', image]);
  }

  async removeContainer(container: string): Promise<void> {
    await this.#run(['rm', container]);
  }

  /** Resolves with the folder of a container's files. */
  async mount(container: string): Promise<string> {
    return this.#run(['mount', container]);
  }

  async copyInto(container: string, source: string, target: string): Promise<void> {
    await this.#run(['copy', container, source, target], 5 * minuteMs);
  }

  async configure(container: string, settings: string[]): Promise<void> {
    await this.#run(['config', ...settings, container]);
  }

  async commit(container: string, image: string): Promise<void> {
    await this.#run(['commit', '--format', 'docker', container, image], 5 * minuteMs);
  }

  /** Runs a command in a container, as the container's user, to its end. @throws ProgramFailed */
  async exec(
    container: string,
    command: string[],
    environment: Record<string, string> = {},
  ): Promise<string> {
    return this.#run(execArgs(container, command, environment), minuteMs);
  }

  /** Starts a command in a container, as the container's user. */
  start(container: string, command: string[], environment: Record<string, string>): Running {
    return startProgram('buildah', [...this.#global, ...execArgs(container, command, environment)]);
  }
}

function execArgs(
  container: string,
  command: string[],
  environment: Record<string, string>,
): string[] {
  const given = Object.entries(environment).flatMap(([name, value]) => [
    '--env',
    `${name}=${value}`,
  ]);
  return ['run', '--isolation', 'chroot', ...given, container, '--', ...command];
}
