import 'reflect-metadata';
import { Type } from 'class-transformer';
import { IsNotEmpty, IsOptional, IsString, ValidateNested } from 'class-validator';

export class GithubAccount {
  @IsString()
  @IsNotEmpty()
  login!: string;
}

export class GithubRepository {
  @IsString()
  @IsNotEmpty()
  full_name!: string;
}

/** The parts of a webhook that the handlers read. Whatever else GitHub sends is left alone. */
export class GithubPayload {
  @IsOptional()
  @IsString()
  action?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => GithubRepository)
  repository?: GithubRepository;

  @IsOptional()
  @ValidateNested()
  @Type(() => GithubAccount)
  organization?: GithubAccount;

  @IsOptional()
  @ValidateNested()
  @Type(() => GithubAccount)
  sender?: GithubAccount;
}
