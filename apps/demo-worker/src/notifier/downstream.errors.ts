/** The downstream could not do it this time. */
export class DownstreamUnavailableError extends Error {
  constructor(readonly status: number) {
    super(`the downstream answered ${status}`);
    this.name = new.target.name;
  }
}
