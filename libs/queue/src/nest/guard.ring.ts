import { ForbiddenException, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { isObservable, lastValueFrom } from 'rxjs';

/** Nest's guards, asked one after the other. */
export class GuardRing {
  constructor(private readonly guards: readonly CanActivate[]) {}

  /** Answers at once when every guard does. Throws ForbiddenException, or what a guard throws. */
  admit(context: ExecutionContext): Promise<void> | undefined {
    const { guards } = this;
    for (let at = 0; at < guards.length; at++) {
      const answer = (guards[at] as CanActivate).canActivate(context);
      if (typeof answer !== 'boolean') return this.#admitLater(context, answer, at);
      if (!answer) throw forbidden();
    }
    return undefined;
  }

  async #admitLater(context: ExecutionContext, answer: unknown, at: number): Promise<void> {
    if (!(await settled(answer))) throw forbidden();
    for (const guard of this.guards.slice(at + 1)) {
      if (!(await settled(guard.canActivate(context)))) throw forbidden();
    }
  }
}

async function settled(answer: unknown): Promise<unknown> {
  const value = await answer;
  return isObservable(value) ? lastValueFrom(value) : value;
}

/** The error that Nest throws in this case, so that one retry rule covers both. */
function forbidden(): ForbiddenException {
  return new ForbiddenException('Forbidden resource');
}
