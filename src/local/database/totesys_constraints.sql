-- Keys, references and the indexes that an extractor reads by. Made after a bulk load: checking and indexing a full
-- table at once is many times faster than row by row, and the load itself is checked by it.

alter table department     add primary key (department_id);
alter table staff          add primary key (staff_id);
alter table address        add primary key (address_id);
alter table counterparty   add primary key (counterparty_id);
alter table currency       add primary key (currency_id);
alter table design         add primary key (design_id);
alter table payment_type   add primary key (payment_type_id);
alter table sales_order    add primary key (sales_order_id);
alter table purchase_order add primary key (purchase_order_id);
alter table transaction    add primary key (transaction_id);
alter table payment        add primary key (payment_id);

alter table staff
    add foreign key (department_id) references department;
alter table counterparty
    add foreign key (legal_address_id) references address;
alter table sales_order
    add foreign key (design_id) references design,
    add foreign key (staff_id) references staff,
    add foreign key (counterparty_id) references counterparty,
    add foreign key (currency_id) references currency,
    add foreign key (agreed_delivery_location_id) references address;
alter table purchase_order
    add foreign key (staff_id) references staff,
    add foreign key (counterparty_id) references counterparty,
    add foreign key (currency_id) references currency,
    add foreign key (agreed_delivery_location_id) references address;
alter table transaction
    add foreign key (sales_order_id) references sales_order,
    add foreign key (purchase_order_id) references purchase_order,
    add check (transaction_type in ('SALE', 'PURCHASE'));
alter table payment
    add foreign key (transaction_id) references transaction,
    add foreign key (counterparty_id) references counterparty,
    add foreign key (currency_id) references currency,
    add foreign key (payment_type_id) references payment_type;

create index on department     (last_updated, department_id);
create index on staff          (last_updated, staff_id);
create index on address        (last_updated, address_id);
create index on counterparty   (last_updated, counterparty_id);
create index on currency       (last_updated, currency_id);
create index on design         (last_updated, design_id);
create index on payment_type   (last_updated, payment_type_id);
create index on sales_order    (last_updated, sales_order_id);
create index on purchase_order (last_updated, purchase_order_id);
create index on transaction    (last_updated, transaction_id);
create index on payment        (last_updated, payment_id);

-- Parents are deleted with their children in order; without these each delete would scan the child table.
create index on transaction (sales_order_id);
create index on transaction (purchase_order_id);
create index on payment (transaction_id);
