import { afterAll } from 'vitest';
import { startTestService, type TestService } from './service.ts';

/** Returns a function that starts services, which are closed after the tests of the calling file. */
export function useServices(): typeof startTestService {
  const services: TestService[] = [];
  afterAll(() => Promise.all(services.map((service) => service.close())));
  return async (options) => {
    const service = await startTestService(options);
    services.push(service);
    return service;
  };
}
