-- Revenue by currency and month, from every sales order as it is now
select date_trunc('month', s.created_at) as month, c.currency_code, sum(s.units_sold * s.unit_price) as revenue, count(*) as orders
from fact_sales_order_now s
join dim_currency c on c.currency_id = s.currency_id
group by 1, 2
order by 1, 2
