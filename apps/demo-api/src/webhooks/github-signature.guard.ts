import type { IncomingMessage } from 'node:http';
import {
  Injectable,
  UnauthorizedException,
  UnsupportedMediaTypeException,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { ApiEnvironment } from '../api.environment.js';
import { isSignedWith } from './github-signature.js';

/** Lets pass what GitHub signed. Nothing of the body was read before: whoever has no secret cannot reach the parser. */
@Injectable()
export class GithubSignatureGuard implements CanActivate {
  constructor(private readonly environment: ApiEnvironment) {}

  canActivate(context: ExecutionContext): boolean {
    const { headers, body } = context.switchToHttp().getRequest<IncomingMessage & { body?: unknown }>();
    if (!Buffer.isBuffer(body)) throw new UnsupportedMediaTypeException('send a body of application/json');
    const { 'x-hub-signature-256': signature } = headers;
    const { DEMO_WEBHOOK_SECRET: secret } = this.environment;
    if (typeof signature === 'string' && isSignedWith(secret, body, signature)) return true;
    throw new UnauthorizedException('X-Hub-Signature-256 is missing or does not match');
  }
}
