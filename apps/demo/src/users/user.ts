import { ApiProperty } from '@nestjs/swagger';
import { users } from '../database/schema.js';

/** A user as everyone may see one; the password hash and the e-mail address never leave the database. */
export class User {
  @ApiProperty()
  readonly id!: number;

  @ApiProperty()
  readonly name!: string;

  @ApiProperty()
  readonly bio!: string;

  @ApiProperty()
  readonly joinedAt!: Date;
}

/** What a query selects to make one. */
export const userColumns = {
  id: users.id,
  name: users.name,
  bio: users.bio,
  joinedAt: users.joinedAt,
};

/** Borne by every entry that shows something of the user, in whichever cache. */
export function tagOfUser(id: number): string {
  return `user:${id}`;
}
